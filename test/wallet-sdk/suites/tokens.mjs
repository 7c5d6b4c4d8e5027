import assert from 'node:assert/strict'

import { connect } from '../environment.mjs'
import { PERMISSION_DENIED, refused } from '../wallet.mjs'

// Who may do what, where the node checks its clients' tokens.
export async function tokens(step, { env, sdk, alice }) {
    for (const [title, connection] of Object.entries({
        'signed with another secret': () => connect({ ...env, secret: 'somebody-else' }),
        'for another audience': () => connect(env, { audience: 'https://elsewhere.example' }),
        'of an unknown user': () => connect(env, { clientId: 'nobody' }),
    })) {
        // The SDK asks for the version first, and tells of the refusal only that it got none.
        await step(`a token ${title} is refused`, () => assert.rejects(connection, /version missing from response/))
    }

    await step('a user without rights sees nothing, until it is given them', async () => {
        await sdk.user.create({ userId: 'newcomer', primaryParty: alice.party, userRights: {} })

        const newcomer = await connect(env, { clientId: 'newcomer' })
        await refused(newcomer.token.utxos.list({ partyId: alice.party }), PERMISSION_DENIED)
        await refused(newcomer.user.list(), PERMISSION_DENIED)
        assert.deepEqual(await newcomer.party.list(), [])

        await sdk.user.rights.grant({ userId: 'newcomer', userRights: { readAs: [alice.party] } })
        assert.deepEqual(await newcomer.party.list(), [alice.party])
        assert.ok((await newcomer.token.utxos.list({ partyId: alice.party })).length > 0)

        const [command, disclosedContracts] = await newcomer.amulet.tap(alice.party, '1')
        const submission = { commands: [command], disclosedContracts, actAs: [alice.party] }
        await refused(newcomer.ledger.internal.submit(submission), PERMISSION_DENIED)
    })
}
