// Counts and prints the checked steps. A step that fails ends its suite, because the next ones build on it; the other
// suites go on.
export class Steps {
    passed = 0
    failed = 0

    async suite(name, run) {
        console.log(`\n${name}`)

        try {
            await run((title, act) => this.#step(title, act))
        } catch (error) {
            if (!(error instanceof StepFailed)) {
                this.#fail('outside a step', error)
            }

            console.log('  the rest of this suite is left out')
        }
    }

    async #step(title, act) {
        const began = performance.now()

        try {
            const result = await act()

            this.passed++
            console.log(`  ok      ${title} (${Math.round(performance.now() - began)} ms)`)

            return result
        } catch (error) {
            this.#fail(title, error)
            throw new StepFailed(title)
        }
    }

    #fail(title, error) {
        this.failed++
        console.log(`  FAILED  ${title}\n${indent(describe(error))}`)
    }

    summary() {
        return `${this.passed} passed, ${this.failed} failed`
    }
}

class StepFailed extends Error {}

// The SDK rejects with the node's error bodies as often as with an Error.
function describe(error) {
    return error instanceof Error
        ? `${error.stack}${error.context ? `\n${JSON.stringify(error.context)}` : ''}`
        : JSON.stringify(error, null, 2)
}

function indent(text) {
    return text.replace(/^/gm, '          ')
}
