import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

export const MEMO = 'splice.lfdecentralizedtrust.org/reason'

// One party, and the SDK that acts for it.
class Party {
    constructor(sdk, party) {
        this.sdk = sdk
        this.party = party
    }

    async tap(amount) {
        return this.submit(await this.sdk.amulet.tap(this.party, amount))
    }

    async send(asset, recipient, amount, memo, more = {}) {
        return this.submit(
            await this.sdk.token.transfer.create({
                sender: this.party,
                recipient: recipient.party ?? recipient,
                amount,
                instrumentId: asset.id,
                registryUrl: asset.registryUrl,
                memo,
                ...more,
            })
        )
    }

    // The only open offer with this memo that the party is part of.
    async offer(memo) {
        const pending = await this.sdk.token.transfer.pending(this.party)
        const found = pending.filter((c) => c.interfaceViewValue.transfer.meta.values[MEMO] === memo)
        assert.equal(found.length, 1, `open offers with memo ${memo}`)

        return found[0]
    }

    async answer(choice, asset, offer) {
        return this.submit(
            await this.sdk.token.transfer[choice]({
                transferInstructionCid: offer.contractId,
                registryUrl: asset.registryUrl,
            })
        )
    }

    async utxos(asset, includeLocked = false) {
        const list = await this.sdk.token.utxos.list({ partyId: this.party, includeLocked })

        return list.filter((u) => sameInstrument(u.interfaceViewValue.instrumentId, asset))
    }

    // The sum of what the party has, in tenths of a billionth: exact.
    async balance(asset, includeLocked = false) {
        const list = await this.utxos(asset, includeLocked)

        return list.reduce((sum, u) => sum + units(u.interfaceViewValue.amount), 0n)
    }

    // What the SDK makes of one update for this party: its only event.
    async read(updateId) {
        const transaction = await this.sdk.token.transactionsById({ updateId, partyId: this.party })
        assert.equal(transaction.updateId, updateId)

        return transaction
    }

    async readOne(updateId) {
        const { events } = await this.read(updateId)
        assert.equal(events.length, 1, JSON.stringify(events))

        return events[0]
    }
}

// An external party, which signs with a key of its own what the node has prepared.
export class Wallet extends Party {
    constructor(sdk, party, keys) {
        super(sdk, party)
        this.keys = keys
    }

    static async onboard(sdk, hint, options = {}) {
        const keys = sdk.keys.generate()
        const created = await sdk.party.external
            .create(keys.publicKey, { partyHint: `${hint}-${randomUUID().slice(0, 8)}`, ...options })
            .sign(keys.privateKey)
            .execute()

        return new Wallet(sdk, created.partyId, keys)
    }

    // Prepares, signs and executes what a namespace of the SDK built.
    async submit([commands, disclosedContracts]) {
        assert.ok(commands, 'there is a command')

        const done = await this.sdk.ledger
            .prepare({ partyId: this.party, commands, disclosedContracts })
            .sign(this.keys.privateKey)
            .execute({ partyId: this.party })

        return checked(done)
    }
}

// A party whose key the node keeps: it submits commands.
export class LocalWallet extends Party {
    static async allocate(sdk, hint) {
        return new LocalWallet(sdk, await sdk.party.internal.allocate({ partyHint: `${hint}-${randomUUID().slice(0, 8)}` }))
    }

    async submit([commands, disclosedContracts]) {
        return checked(
            await this.sdk.ledger.internal.submit({
                commands: [commands].flat(),
                disclosedContracts,
                actAs: [this.party],
            })
        )
    }
}

function checked(done) {
    assert.match(done.updateId, /^1220[0-9a-f]{64}$/)
    assert.equal(typeof done.completionOffset, 'number')

    return done
}

export function sameInstrument(id, asset) {
    return id.id === asset.id && id.admin === asset.admin
}

// A decimal of the ledger as an integer of its last digit.
export function units(text) {
    const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,10}))?$/.exec(text) ?? assert.fail(`not an amount: ${text}`)

    return BigInt(sign + whole + fraction.padEnd(10, '0'))
}

// gRPC's code, which is all that a node says to those whom it denies something.
export const PERMISSION_DENIED = 7

// The node refuses for this reason and no other.
export async function refused(promise, reason) {
    await assert.rejects(promise, (error) => {
        assert.equal(error.code === 'NA' ? error.grpcCodeValue : error.code, reason, JSON.stringify(error))

        return true
    })
}
