// Package custody is what the services that sign for a treasury have in common: how fast they submit, what they leave
// alone for a while, whom they ask about a token, and the check without which nothing is signed.
package custody
