import Core

/// `GET /v1/keys`: what keys may do, and what was done by them.
struct KeyAnswers {
    let state: GatewayState

    var list: LocalAnswer {
        LocalAnswer(
            body: KeyEncoding.list(
                state.settings.keyring, now: Clock.monotonicNanoseconds(), wall: Clock.wallSeconds()))
    }
}
