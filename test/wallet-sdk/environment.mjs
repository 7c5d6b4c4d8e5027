import { SDK, CustomLogAdapter } from '@canton-network/wallet-sdk'
import { createHmac } from 'node:crypto'

function required(name) {
    const value = process.env[name]
    if (!value) {
        throw new Error(`${name} is not set; see README.md`)
    }

    return value
}

// Where the sandbox is, and how it wants to be spoken to.
export function environment() {
    const url = required('SANDBOX_URL').replace(/\/$/, '')

    return {
        url,
        secondURL: process.env.SANDBOX_SECOND_URL?.replace(/\/$/, ''),
        acmeAdmin: required('SANDBOX_ACME_ADMIN'),
        secret: process.env.SANDBOX_JWT_SECRET,
        audience: process.env.SANDBOX_JWT_AUDIENCE ?? 'https://canton.network.global',
    }
}

// The SDK needs a later Node than the oldest that is supported here, and its waits are made for a slow network: what it
// misses is added, and waits of a second and more take a twentieth. The SDK itself stays as it was published.
export function prepareNode() {
    Object.groupBy ??= (items, key) => {
        const groups = Object.create(null)
        for (const item of items) {
            ;(groups[key(item)] ??= []).push(item)
        }

        return groups
    }

    for (const [name, operation] of Object.entries({
        union: (own, other) => [...own, ...other],
        intersection: (own, other) => [...own].filter((element) => other.has(element)),
    })) {
        Set.prototype[name] ??= function (other) {
            return new Set(operation(this, other))
        }
    }

    const wait = globalThis.setTimeout
    globalThis.setTimeout = (act, delay, ...rest) => wait(act, delay >= 1000 ? delay / 20 : delay, ...rest)
}

// What the SDK is configured with. An open sandbox takes its user from the token and does not verify it.
export function auth(env, change = {}) {
    return {
        method: 'self_signed',
        issuer: 'wallet-sdk-test',
        credentials: {
            clientId: 'ledger-api-user',
            clientSecret: env.secret ?? 'unsafe',
            audience: env.audience,
            scope: '',
            ...change,
        },
    }
}

// All namespaces of the SDK, against one node.
export async function connect(env, change = {}) {
    const credentials = auth(env, change)
    const coin = `${env.url}/api/validator/v0/scan-proxy`
    const acme = `${env.url}/api/token-standard/v0/registrars/${env.acmeAdmin}`

    return SDK.create({
        auth: credentials,
        ledgerClientUrl: env.url,
        logAdapter: quiet(),
        amulet: {
            auth: credentials,
            validatorUrl: `${env.url}/api/validator`,
            scanApiUrl: `${env.url}/api/scan`,
            registryUrl: coin,
        },
        token: { auth: credentials, validatorUrl: `${env.url}/api/validator`, registries: [coin, acme] },
        asset: { auth: credentials, registries: [coin, acme] },
        events: { auth: credentials, websocketURL: env.url.replace(/^http/, 'ws') },
    })
}

// The SDK's own log is only of interest where something goes wrong.
export function quiet() {
    return new CustomLogAdapter((type, context, message) => {
        if (type === 'error' || process.env.SANDBOX_SDK_LOG) {
            console.log(`          sdk ${type}: ${message ?? ''} ${JSON.stringify(context)}`)
        }
    })
}

// The administrator's token, for what of the sandbox the SDK has no function for.
export function adminToken(env) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const { clientId: sub, clientSecret, audience: aud } = auth(env).credentials
    const now = Math.floor(Date.now() / 1000)
    const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, aud, iat: now, exp: now + 600 })}`

    return `${body}.${createHmac('sha256', clientSecret).update(body).digest('base64url')}`
}
