import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

const HOLDING = '#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding'

// What comes over websockets: updates and completions, while it happens.
export async function stream(step, { sdk, alice, bob, amulet }) {
    await step('updates, from an offset on', async () => {
        const beginOffset = await sdk.ledger.ledgerEnd()
        const updates = sdk.events.updates({ partyId: bob.party, interfaceIds: [HOLDING], beginOffset })
        const first = find(updates, (m) => m.update?.Transaction)
        const done = await alice.send(amulet, bob, '1.5', 'streamed')
        await bob.answer('accept', amulet, await bob.offer('streamed'))

        const { value } = (await first).update.Transaction
        assert.ok(value.offset >= done.completionOffset)

        const created = value.events.flatMap((e) => e.CreatedEvent ?? [])
        assert.equal(created.length, 1)
        assert.equal(created[0].interfaceViews[0].viewValue.amount, '1.5000000000')
    })

    await step('updates of a template', async () => {
        const beginOffset = await sdk.ledger.ledgerEnd()
        const updates = sdk.events.updates({
            partyId: alice.party,
            templateIds: ['#splice-amulet:Splice.Amulet:Amulet'],
            beginOffset,
        })
        const first = find(updates, (m) => m.update?.Transaction)
        const done = await alice.tap('0.125')
        assert.equal((await first).update.Transaction.value.updateId, done.updateId)
    })

    await step('completions', async () => {
        const beginOffset = await sdk.ledger.ledgerEnd()
        const completions = sdk.events.completions({ parties: [alice.party], beginOffset })
        const first = find(completions, (m) => m.completionResponse?.Completion)
        const done = await alice.tap('0.125')
        const { value } = (await first).completionResponse.Completion
        assert.equal(value.updateId, done.updateId)
        assert.equal(value.offset, done.completionOffset)
        assert.equal(value.status?.code ?? 0, 0)
    })
}

// The first message that is wanted. An error that the node sends is a message too. The caller waits for it only after it
// has caused it.
function find(messages, wanted) {
    const found = Promise.race([first(messages, wanted), late()])
    found.catch(() => {})

    return found
}

async function first(messages, wanted) {
    for await (const message of messages) {
        assert.ok(!message.code, JSON.stringify(message))

        if (wanted(message)) {
            return message
        }
    }

    assert.fail('the stream ended')
}

async function late() {
    await setTimeout(10_000, undefined, { ref: false })
    assert.fail('nothing came over the stream')
}
