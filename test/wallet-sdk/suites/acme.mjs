import assert from 'node:assert/strict'

import { adminToken } from '../environment.mjs'
import { MEMO, units } from '../wallet.mjs'

// A second token, found through a registry of its own: everything is an offer.
export async function acme(step, { sdk, env, alice, bob, acmeToken }) {
    await step('the registrar issues tokens', async () => {
        // Issuing is the registrar's business, which no wallet has a function for.
        const answer = await fetch(`${env.url}/sandbox/v1/wallets/${encodeURIComponent(alice.party)}/tap`, {
            method: 'POST',
            headers: { Authorization: `Bearer ${adminToken(env)}` },
            body: JSON.stringify({ amount: '50', instrument: { admin: acmeToken.admin, id: acmeToken.id } }),
        })
        assert.equal(answer.status, 200, await answer.text())
        assert.equal(await alice.balance(acmeToken), units('50'))
    })

    await step('offer and accept', async () => {
        await alice.send(acmeToken, bob, '20', 'acme', { meta: { values: { 'example.com/order': '17' } } })

        const offer = await bob.offer('acme')
        assert.equal(offer.interfaceViewValue.transfer.meta.values['example.com/order'], '17')

        const done = await bob.answer('accept', acmeToken, offer)
        assert.equal(await alice.balance(acmeToken), units('30'))
        assert.equal(await bob.balance(acmeToken), units('20'))

        const event = await bob.readOne(done.updateId)
        assert.equal(event.label.type, 'TransferIn')
        assert.equal(event.label.reason, 'acme')
        assert.equal(event.label.meta.values[MEMO], undefined, 'the SDK has taken the memo out of the rest')
    })

    await step('offer and reject', async () => {
        await alice.send(acmeToken, bob, '5', 'acme no')
        await bob.answer('reject', acmeToken, await bob.offer('acme no'))
        assert.equal(await alice.balance(acmeToken), units('30'))
    })

    await step('offer and withdraw', async () => {
        await alice.send(acmeToken, bob, '5', 'acme back')
        await alice.answer('withdraw', acmeToken, await alice.offer('acme back'))
        assert.equal(await alice.balance(acmeToken), units('30'))
    })
}
