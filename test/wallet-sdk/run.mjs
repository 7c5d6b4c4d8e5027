// The official wallet SDK, as it is published, at work against a sandbox. Exits with 1 if a step fails.
import { environment, prepareNode } from './environment.mjs'
import { Steps } from './steps.mjs'

prepareNode()

const { acme } = await import('./suites/acme.mjs')
const { allocation } = await import('./suites/allocation.mjs')
const { coin, history } = await import('./suites/coin.mjs')
const { hashing, network, node } = await import('./suites/node.mjs')
const { hosting, onboarding } = await import('./suites/onboarding.mjs')
const { preapproval } = await import('./suites/preapproval.mjs')
const { stream } = await import('./suites/stream.mjs')
const { tokens } = await import('./suites/tokens.mjs')

const steps = new Steps()
const world = { env: environment() }

await steps.suite('onboarding', (step) => onboarding(step, world))

for (const [name, suite, wanted] of [
    ['Canton Coin', coin, true],
    ['preapproval and one-step transfers', preapproval, true],
    ['AcmeToken', acme, true],
    ['hashes and signatures', hashing, true],
    ['allocations', allocation, true],
    ['history', history, true],
    ['the node', node, true],
    ['the network', network, true],
    ['streams', stream, true],
    ['a second node', hosting, world.env.secondURL !== undefined],
    ['tokens', tokens, world.env.secret !== undefined],
]) {
    if (wanted) {
        await steps.suite(name, (step) => suite(step, world))
    }
}

console.log(`\n${steps.summary()}`)
process.exit(steps.failed > 0 || steps.passed === 0 ? 1 : 0)
