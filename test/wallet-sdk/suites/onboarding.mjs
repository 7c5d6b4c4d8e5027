import assert from 'node:assert/strict'

import { auth, connect } from '../environment.mjs'
import { LocalWallet, refused, units, Wallet } from '../wallet.mjs'

// Everything that the other suites need: the SDK, its assets and the parties.
export async function onboarding(step, world) {
    const { env } = world

    world.sdk = await step('create the SDK with all its namespaces', () => connect(env))

    const { sdk } = world

    await step('find the assets by their registries', async () => {
        assert.deepEqual(sdk.asset.list.map((a) => a.id).sort(), ['AcmeToken', 'Amulet'])

        world.amulet = await sdk.asset.find('Amulet')
        world.acmeToken = await sdk.asset.find('AcmeToken')
        assert.equal(world.acmeToken.admin, env.acmeAdmin)
        assert.deepEqual((await sdk.amulet.amulet()).admin, world.amulet.admin)
    })

    await step('the SDK computes the hash of the topology that it signs', async () => {
        const { publicKey } = sdk.keys.generate()
        const topology = await sdk.party.external.create(publicKey, { partyHint: 'never-signed' }).topology()
        assert.equal(await sdk.utils.hash.topologyTransaction(topology.topologyTransactions), topology.multiHash)
        assert.equal(await sdk.keys.fingerprint(publicKey), topology.publicKeyFingerprint)
        assert.equal(topology.partyId, `never-signed::${topology.publicKeyFingerprint}`)
    })

    await step('onboard external parties', async () => {
        const onboard = (hint) => Wallet.onboard(sdk, hint)
        ;[world.alice, world.bob, world.carol] = await Promise.all(['alice', 'bob', 'carol'].map(onboard))
    })

    await step('allocate local parties', async () => {
        world.locals = await Promise.all(['executor', 'payer', 'payee'].map((hint) => LocalWallet.allocate(sdk, hint)))
    })

    await step('onboarding with a signature of another key is refused', async () => {
        const prepared = sdk.party.external.create(sdk.keys.generate().publicKey, { partyHint: 'forged' })
        await refused(prepared.sign(sdk.keys.generate().privateKey).execute(), 'INVALID_ARGUMENT')

        const { partyId } = await prepared.topology()
        assert.ok(!(await sdk.party.list()).includes(partyId))
    })

    await step('onboarding twice changes nothing', async () => {
        const keys = sdk.keys.generate()
        const signed = sdk.party.external.create(keys.publicKey, { partyHint: 'twice' }).sign(keys.privateKey)
        const first = await signed.execute()
        assert.equal((await signed.execute()).partyId, first.partyId)
    })

    await step('list parties', async () => {
        const list = await sdk.party.list()
        for (const wallet of [world.alice, world.bob, world.carol, ...world.locals]) {
            assert.ok(list.includes(wallet.party), wallet.party)
        }
    })
}

// A party on two nodes: both confirm its topology, and both show its holdings.
export async function hosting(step, { env, sdk, amulet }) {
    const second = { ...env, url: env.secondURL }

    const [other, dora] = await step('onboard a party on two nodes', async () => {
        const there = await connect(second)
        const wallet = await Wallet.onboard(sdk, 'dora', {
            confirmingThreshold: 2,
            confirmingParticipantEndpoints: [{ url: new URL(env.secondURL), tokenProviderConfig: auth(env) }],
        })

        return [there, wallet]
    })

    await step('what it does at one node, the other shows', async () => {
        const { updateId, completionOffset } = await dora.tap('3')
        await other.user.rights.grant({ userRights: { readAs: [dora.party] } })

        const mirror = new Wallet(other, dora.party, dora.keys)
        assert.equal(await mirror.balance(amulet), units('3'))

        const { offset, recordTime } = await mirror.read(updateId)
        assert.equal(recordTime, (await dora.read(updateId)).recordTime)
        assert.notEqual(offset, completionOffset, 'an offset is of one node alone')
    })
}
