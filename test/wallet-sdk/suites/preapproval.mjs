import assert from 'node:assert/strict'

import { units } from '../wallet.mjs'

// Transfers in one step: the receiver agrees beforehand.
export async function preapproval(step, { sdk, alice, bob, amulet }) {
    const { preapproval } = sdk.amulet

    await step('nobody has preapproved anything', async () => {
        assert.equal(await preapproval.fetchQuick(bob.party), null)
    })

    const first = await step('create a preapproval', async () => {
        await bob.submit([await preapproval.command.create({ parties: { receiver: bob.party } })])

        const status = await preapproval.fetchStatus(bob.party)
        assert.equal(status.dso, amulet.admin)
        assert.ok(status.expiresAt > new Date())

        return status
    })

    await step('pay in one step, with a memo', async () => {
        const before = await bob.balance(amulet)
        const done = await alice.send(amulet, bob, '12.3456789012', 'one step')
        assert.equal(await bob.balance(amulet), before + units('12.3456789012'))
        assert.deepEqual(await sdk.token.transfer.pending(bob.party), [])

        const into = await bob.readOne(done.updateId)
        assert.equal(into.label.type, 'TransferIn')
        assert.equal(into.label.sender, alice.party)
        assert.equal(into.label.reason, 'one step')
        assert.equal(into.unlockedHoldingsChangeSummaries[0].amountChange, '12.3456789012')

        const out = await alice.readOne(done.updateId)
        assert.equal(out.label.type, 'TransferOut')
        assert.equal(out.transferInstruction.status.current.tag, 'Completed')
    })

    await step('renew, which the provider pays for', async () => {
        await sdk.amulet.tapInternal('1000')

        const expiresAt = new Date(Date.now() + 120 * 24 * 3600 * 1000)
        const done = await preapproval.renew({ parties: { receiver: bob.party }, expiresAt })
        assert.ok(done.updateId)

        const renewed = await preapproval.fetchStatus(bob.party, { oldCid: first.contractId })
        assert.notEqual(renewed.contractId, first.contractId)
        assert.equal(renewed.expiresAt.getTime(), expiresAt.getTime())
    })

    await step('cancel; then transfers are offers again', async () => {
        await bob.submit(await preapproval.command.cancel({ parties: { receiver: bob.party } }))
        assert.equal(await preapproval.fetchStatus(bob.party, { cancelled: true }), null)

        await alice.send(amulet, bob, '1', 'after the cancel')
        await bob.answer('reject', amulet, await bob.offer('after the cancel'))
    })
}
