import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { signTransactionHash } from '@canton-network/wallet-sdk'

import { tinyDAR } from '../dar.mjs'
import { MEMO, LocalWallet, units } from '../wallet.mjs'

// Hashes that both sides compute, so that a wallet need not trust the node.
export async function hashing(step, { sdk, alice, bob, amulet }) {
    const prepare = async () => {
        const [commands, disclosedContracts] = await sdk.token.transfer.create({
            sender: alice.party,
            recipient: bob.party,
            amount: '1',
            instrumentId: amulet.id,
            registryUrl: amulet.registryUrl,
            memo: 'hashed',
        })

        return sdk.ledger.prepare({ partyId: alice.party, commands, disclosedContracts })
    }

    await step('the SDK computes the hash of the prepared transaction', async () => {
        const { response } = await (await prepare()).toJSON()
        const hash = await sdk.utils.hash.preparedTransaction(response.preparedTransaction)
        assert.equal(hash.toBase64(), response.preparedTransactionHash)
    })

    await step('the SDK decodes the prepared transaction', async () => {
        const decoded = await (await prepare()).decode()
        const text = JSON.stringify(decoded, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
        assert.ok(text.includes('hashed') && text.includes(MEMO))
        assert.deepEqual(decoded.metadata.submitterInfo.actAs, [alice.party])
    })

    await step('sign elsewhere, execute here', async () => {
        const { response } = await (await prepare()).toJSON()
        const signature = signTransactionHash(response.preparedTransactionHash, alice.keys.privateKey)
        const done = await sdk.ledger.fromSignature(response, signature).execute({ partyId: alice.party })
        assert.equal((await alice.readOne(done.updateId)).label.reason, 'hashed')
        await alice.answer('withdraw', amulet, await alice.offer('hashed'))
    })
}

// Users, their rights, packages and parties of the node itself.
export async function node(step, { sdk, alice, bob, locals, amulet }) {
    const userId = `reader-${randomUUID().slice(0, 8)}`

    await step('create a user, list users', async () => {
        const created = await sdk.user.create({ userId, primaryParty: alice.party, userRights: { readAs: [bob.party] } })
        assert.equal(created.id, userId)
        assert.equal((await sdk.user.create({ userId, primaryParty: alice.party })).id, userId, 'again')
        assert.ok((await sdk.user.list()).users.some((u) => u.id === userId && u.primaryParty === alice.party))
    })

    await step('grant, list and revoke rights', async () => {
        const has = async () =>
            (await sdk.user.rights.list()).rights.some((r) => r.kind.CanReadAs?.value.party === locals[1].party)

        await sdk.user.rights.grant({ userRights: { readAs: [locals[1].party] } })
        assert.ok(await has())
        await sdk.user.rights.revoke({ userRights: { readAs: [locals[1].party] } })
        assert.ok(!(await has()))
        await sdk.user.rights.grant({ userId, userRights: { actAs: [alice.party], canReadAsAnyParty: true } })
    })

    await step('upload a DAR once', async () => {
        const { archive, packageId } = tinyDAR()
        assert.equal(await sdk.ledger.dar.check(packageId), false)
        await sdk.ledger.dar.upload(archive, packageId)
        assert.equal(await sdk.ledger.dar.check(packageId), true)
        await sdk.ledger.dar.upload(archive, packageId)
    })

    await step('a local party is allocated once, taps, is paid and pays', async () => {
        const hint = `local-${randomUUID().slice(0, 8)}`
        const party = await sdk.party.internal.allocate({ partyHint: hint })
        const dave = new LocalWallet(sdk, party)
        assert.ok(party.startsWith(`${hint}::`))

        await sdk.amulet.tapInternal('5', { partyId: party })
        await dave.send(amulet, bob, '2', 'from a local party')
        await bob.answer('accept', amulet, await bob.offer('from a local party'))
        assert.equal(await dave.balance(amulet, true), units('3'))
    })

    await step('ping, which creates a contract of the node itself', async () => {
        const commands = sdk.utils.ping.create([{ initiator: alice.party, responder: bob.party, id: 'ping' }])
        await alice.submit([commands, []])

        const found = await sdk.ledger.acsReader.readJsContracts({
            parties: [alice.party],
            templateIds: ['#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping'],
            filterByParty: true,
        })
        assert.equal(found.length, 1)
        assert.equal(found[0].createArgument.responder, bob.party)
    })

    await step('the cached reader of active contracts follows the ledger', async () => {
        const options = {
            parties: [alice.party],
            interfaceIds: ['#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding'],
            filterByParty: true,
        }
        const before = await sdk.ledger.acsReader.readJsContracts(options)
        await alice.tap('0.5')

        const after = await sdk.ledger.acsReader.readJsContracts(options)
        assert.equal(after.length, before.length + 1)
        assert.equal((await sdk.ledger.acsReader.raw.read(options)).length, after.length)
    })
}

// What the network tells and gives the validator.
export async function network(step, { sdk, alice }) {
    await step('traffic', async () => {
        const { traffic_status: before } = await sdk.amulet.traffic.status()
        assert.ok(before.actual.total_limit > before.actual.total_consumed)

        // The SDK looks for as many coins as bytes.
        await alice.tap('250000')
        await alice.submit(await sdk.amulet.traffic.buy({ buyer: alice.party, ccAmount: 200000, inputUtxos: [] }))

        const { traffic_status: after } = await sdk.amulet.traffic.status()
        assert.ok(after.actual.total_consumed >= before.actual.total_consumed)
    })

    await step('featured app', async () => {
        const right = await sdk.amulet.featuredApp.grant()
        assert.match(right.template_id, /FeaturedAppRight$/)
        assert.deepEqual(await sdk.amulet.featuredApp.grant(), right)
    })
}
