import assert from 'node:assert/strict'

import { refused, units } from '../wallet.mjs'

// Delivery versus payment: money set aside for a settlement that an executor carries out.
export async function allocation(step, { sdk, alice, bob, amulet, locals }) {
    const { allocation } = sdk.token
    const executor = locals[0].party

    const allocate = async (id, sender, receiver) => {
        const allocationSpecification = specification(id, { executor, sender, receiver, amulet })
        await sender.submit(await allocation.instruction.create({ allocationSpecification, asset: amulet }))

        const found = (await allocation.pending(sender.party)).filter(
            (c) => c.interfaceViewValue.allocation.settlement.settlementRef.id === id
        )
        assert.equal(found.length, 1)
        assert.equal(units(found[0].interfaceViewValue.allocation.transferLeg.amount), units('10'))

        return found[0].contractId
    }

    const before = await alice.balance(amulet, true)

    await step('allocate, which locks the money, and withdraw', async () => {
        const allocationCid = await allocate('withdrawn', alice, bob)
        assert.equal(await alice.balance(amulet), before - units('10'))
        assert.equal(await alice.balance(amulet, true), before)

        await alice.submit(await allocation.withdraw({ allocationCid, asset: amulet }))
        assert.equal(await alice.balance(amulet), before)
        assert.deepEqual(await allocation.pending(alice.party), [])
    })

    await step('the registry tells the contexts of all its choices', async () => {
        const allocationCid = await allocate('contexts', alice, bob)

        for (const choice of ['execute', 'withdraw', 'cancel']) {
            const context = await allocation.context[choice]({ allocationCid, registryUrl: amulet.registryUrl })
            assert.ok(context.choiceContextData.values)
            assert.ok(context.disclosedContracts.length > 0)
        }

        await alice.submit(await allocation.withdraw({ allocationCid, asset: amulet }))
    })

    const [settler, payer, payee] = locals
    const together = async ([command, disclosedContracts]) =>
        sdk.ledger.internal.submit({ commands: [command], disclosedContracts, actAs: locals.map((l) => l.party) })

    await step('execute, for which executor, sender and receiver must agree', async () => {
        await payer.tap('25')

        const allocationCid = await allocate('executed', payer, payee)
        const command = await allocation.execute({ allocationCid, asset: amulet })
        await refused(settler.submit(command), 'DAML_AUTHORIZATION_ERROR')
        await together(command)
        assert.equal(await payer.balance(amulet, true), units('15'))
        assert.equal(await payee.balance(amulet), units('10'))
    })

    await step('cancel', async () => {
        const allocationCid = await allocate('cancelled', payer, payee)
        await together(await allocation.cancel({ allocationCid, asset: amulet }))
        assert.equal(await payer.balance(amulet), units('15'))
    })

    await step('no requests, and no instructions left behind', async () => {
        assert.deepEqual(await allocation.request.pending(alice.party), [])
        assert.deepEqual(await allocation.instruction.pending(alice.party), [])
    })
}

function specification(id, { executor, sender, receiver, amulet }) {
    return {
        settlement: {
            executor,
            settlementRef: { id, cid: null },
            requestedAt: new Date(Date.now() - 60000).toISOString(),
            allocateBefore: new Date(Date.now() + 3600000).toISOString(),
            settleBefore: new Date(Date.now() + 7200000).toISOString(),
            meta: { values: {} },
        },
        transferLegId: 'leg-0',
        transferLeg: {
            sender: sender.party,
            receiver: receiver.party,
            amount: '10',
            instrumentId: { admin: amulet.admin, id: amulet.id },
            meta: { values: {} },
        },
    }
}
