import assert from 'node:assert/strict'

import { units } from '../wallet.mjs'

// Transfers in one step: the receiver agrees beforehand.
export async function preapproval(step, { sdk, alice, carol, amulet }) {
    const { preapproval } = sdk.amulet

    await step('nobody has preapproved anything', async () => {
        assert.equal(await preapproval.fetchQuick(carol.party), null)
    })

    const first = await step('create a preapproval', async () => {
        await carol.submit([await preapproval.command.create({ parties: { receiver: carol.party } })])

        const status = await preapproval.fetchStatus(carol.party)
        assert.equal(status.dso, amulet.admin)
        assert.ok(status.expiresAt > new Date())

        return status
    })

    await step('pay in one step, with a memo', async () => {
        const before = await carol.balance(amulet)
        const done = await alice.send(amulet, carol, '12.3456789012', 'one step')
        assert.equal(await carol.balance(amulet), before + units('12.3456789012'))
        assert.deepEqual(await sdk.token.transfer.pending(carol.party), [])

        const into = await carol.readOne(done.updateId)
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
        const done = await preapproval.renew({ parties: { receiver: carol.party }, expiresAt })
        assert.ok(done.updateId)

        const renewed = await preapproval.fetchStatus(carol.party, { oldCid: first.contractId })
        assert.notEqual(renewed.contractId, first.contractId)
        assert.equal(renewed.expiresAt.getTime(), expiresAt.getTime())
    })

    await step('cancel; then transfers are offers again', async () => {
        await carol.submit(await preapproval.command.cancel({ parties: { receiver: carol.party } }))
        assert.equal(await preapproval.fetchStatus(carol.party, { cancelled: true }), null)

        await alice.send(amulet, carol, '1', 'after the cancel')
        await carol.answer('reject', amulet, await carol.offer('after the cancel'))
    })
}
