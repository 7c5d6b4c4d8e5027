import assert from 'node:assert/strict'

import { connect } from '../environment.mjs'

// Who may do what, where the node checks its clients' tokens.
export async function tokens(step, { env, sdk, alice }) {
    await step('a token signed with another secret is refused', async () => {
        await assert.rejects(connect({ ...env, secret: 'somebody-else' }))
    })

    await step('a token for another audience is refused', async () => {
        await assert.rejects(connect(env, { audience: 'https://elsewhere.example' }))
    })

    await step('an unknown user is refused', async () => {
        await assert.rejects(connect(env, { clientId: 'nobody' }))
    })

    await step('a user without rights sees nothing, until it is given them', async () => {
        await sdk.user.create({ userId: 'newcomer', primaryParty: alice.party, userRights: {} })

        const newcomer = await connect(env, { clientId: 'newcomer' })
        await assert.rejects(newcomer.token.utxos.list({ partyId: alice.party }))
        await assert.rejects(newcomer.user.list())
        assert.deepEqual(await newcomer.party.list(), [])

        await sdk.user.rights.grant({ userId: 'newcomer', userRights: { readAs: [alice.party] } })
        assert.deepEqual(await newcomer.party.list(), [alice.party])
        assert.ok((await newcomer.token.utxos.list({ partyId: alice.party })).length > 0)

        const command = await newcomer.amulet.tap(alice.party, '1')
        await assert.rejects(newcomer.ledger.internal.prepare({ commands: [command[0]], actAs: [alice.party] }))
    })
}
