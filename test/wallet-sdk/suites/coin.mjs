import assert from 'node:assert/strict'

import { MEMO, refused, sameInstrument, units, Wallet } from '../wallet.mjs'

// Canton Coin: faucet, holdings, transfers in two steps with every end, and what the SDK reads of them.
export async function coin(step, { sdk, alice, bob, amulet }) {
    await step('tap', async () => {
        const done = await alice.tap('1000')
        assert.equal(await alice.balance(amulet), units('1000'))

        const event = await alice.readOne(done.updateId)
        assert.equal(event.unlockedHoldingsChangeSummaries[0].amountChange, '1000')
    })

    await step('list holdings', async () => {
        const [utxo, ...others] = await alice.utxos(amulet)
        assert.deepEqual(others, [])

        const view = utxo.interfaceViewValue
        assert.equal(view.owner, alice.party)
        assert.equal(view.amount, '1000.0000000000')
        assert.equal(view.lock ?? null, null)
        assert.ok(utxo.activeContract.createdEvent.createdEventBlob, 'the blob that was asked for')
    })

    await step('offer with a memo, which locks the money', async () => {
        const done = await alice.send(amulet, bob, '100.5', 'two steps')
        assert.equal(await alice.balance(amulet), units('899.5'))
        assert.equal(await alice.balance(amulet, true), units('1000'))

        const event = await alice.readOne(done.updateId)
        assert.equal(event.transferInstruction.status.current.tag, 'Pending')
        assert.equal(event.transferInstruction.transfer.amount, '100.5000000000')
        assert.equal(event.label.reason, 'two steps')
    })

    await step('pending, on both sides', async () => {
        for (const wallet of [alice, bob]) {
            const { transfer, status } = (await wallet.offer('two steps')).interfaceViewValue
            assert.equal(transfer.sender, alice.party)
            assert.equal(transfer.receiver, bob.party)
            assert.equal(units(transfer.amount), units('100.5'))
            assert.equal(status.tag, 'TransferPendingReceiverAcceptance')
        }
    })

    await step('accept', async () => {
        const offer = await bob.offer('two steps')
        const done = await bob.answer('accept', amulet, offer)
        assert.equal(await bob.balance(amulet), units('100.5'))
        assert.equal(await alice.balance(amulet, true), units('899.5'))

        const into = await bob.readOne(done.updateId)
        assert.equal(into.label.type, 'TransferIn')
        assert.equal(into.label.sender, alice.party)
        assert.equal(into.label.reason, 'two steps')
        assert.equal(into.transferInstruction.multiStepCorrelationId, offer.contractId)
        assert.equal(into.transferInstruction.status.current.tag, 'Completed')
        assert.equal(into.unlockedHoldingsChangeSummaries[0].amountChange, '100.5')

        const out = await alice.readOne(done.updateId)
        assert.equal(out.label.type, 'TransferOut')
        assert.deepEqual(out.label.receiverAmounts, [{ receiver: bob.party, amount: '100.5' }])
    })

    await step('reject', async () => {
        await alice.send(amulet, bob, '7', 'rejected')

        const done = await bob.answer('reject', amulet, await bob.offer('rejected'))
        assert.equal(await alice.balance(amulet), units('899.5'))
        assert.equal(await bob.balance(amulet), units('100.5'))

        const event = await alice.readOne(done.updateId)
        assert.equal(event.transferInstruction.status.current.tag, 'Failed')
        assert.equal(event.unlockedHoldingsChangeSummaries[0].amountChange, '7')
        assert.equal(event.lockedHoldingsChangeSummaries[0].amountChange, '-7')
    })

    await step('withdraw', async () => {
        await alice.send(amulet, bob, '8', 'withdrawn')

        const done = await alice.answer('withdraw', amulet, await alice.offer('withdrawn'))
        assert.equal(await alice.balance(amulet), units('899.5'))

        const event = await alice.readOne(done.updateId)
        assert.equal(event.transferInstruction.transfer.meta.values[MEMO], 'withdrawn')
        assert.equal(event.unlockedHoldingsChangeSummaries[0].amountChange, '8')
    })

    await step('a closed offer cannot be accepted', async () => {
        await alice.send(amulet, bob, '9', 'once')

        const accept = await sdk.token.transfer.accept({
            transferInstructionCid: (await bob.offer('once')).contractId,
            registryUrl: amulet.registryUrl,
        })
        await bob.submit(accept)
        await refused(bob.submit(accept), 'CONTRACT_NOT_FOUND')
        await bob.send(amulet, alice, '9', 'back')
        await alice.answer('accept', amulet, await alice.offer('back'))
    })

    await step('an offer that another key signed is refused', async () => {
        const thief = new Wallet(sdk, alice.party, sdk.keys.generate())
        await refused(thief.send(amulet, bob, '1', 'stolen'), 'INVALID_EXTERNAL_SIGNATURE')
        assert.equal(await alice.balance(amulet), units('899.5'))
    })

    await step('merge', async () => {
        await alice.tap('0.25')
        await alice.tap('0.25')

        const inputUtxos = await alice.utxos(amulet)
        assert.ok(inputUtxos.length > 2)

        const [commands, disclosed] = await sdk.token.utxos.merge({ partyId: alice.party, inputUtxos, memo: 'tidy' })
        assert.equal(commands.length, 1)

        const done = await alice.submit([commands, disclosed])
        const [utxo, ...others] = await alice.utxos(amulet)
        assert.deepEqual(others, [])
        assert.equal(utxo.interfaceViewValue.amount, '900.0000000000')

        const event = await alice.readOne(done.updateId)
        assert.equal(event.label.type, 'MergeSplit')
        assert.equal(event.label.reason, 'tidy')
    })
}

// The history as the SDK lists it adds up to the holdings.
export async function history(step, { sdk, alice, bob, carol, amulet }) {
    await step('list transactions; they add up', async () => {
        for (const wallet of [alice, bob, carol]) {
            const { transactions, nextOffset } = await sdk.token.holdings({ partyId: wallet.party })
            assert.ok(transactions.length > 0)
            assert.ok(nextOffset >= transactions.at(-1).offset)

            const sum = transactions.flatMap((t) => t.events).reduce((all, e) => all + change(e, amulet), 0n)
            assert.equal(sum, await wallet.balance(amulet, true))
        }
    })

    await step('memos in the list', async () => {
        for (const [wallet, memo] of [
            [bob, 'two steps'],
            [carol, 'one step'],
        ]) {
            const { transactions } = await sdk.token.holdings({ partyId: wallet.party })
            const memos = transactions.flatMap((t) => t.events).map((e) => e.label.reason)
            assert.ok(memos.includes(memo), JSON.stringify(memos))
        }
    })

    await step('list from an offset', async () => {
        const all = await sdk.token.holdings({ partyId: alice.party })
        const after = all.transactions[1].offset
        const rest = await sdk.token.holdings({ partyId: alice.party, afterOffset: after })
        assert.deepEqual(rest.transactions, all.transactions.slice(2))
    })
}

// By how much an event changes what the party has. The SDK tells an archive outside any choice that it knows, as those
// of allocations are, with the amount of the holding, not with the change.
function change(event, asset) {
    const sum = [...event.unlockedHoldingsChangeSummaries, ...event.lockedHoldingsChangeSummaries]
        .filter((s) => s.amountChange && sameInstrument(s.instrumentId, asset))
        .reduce((all, s) => all + units(s.amountChange), 0n)

    return event.label.type === 'Archive' ? -sum : sum
}
