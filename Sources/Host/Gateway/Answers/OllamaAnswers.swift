import Core
import Dialects
import JSON
import NIOCore

/// What Ollama's clients are told of the fleet, without asking a backend.
struct OllamaAnswers {
    let state: GatewayState

    func page(_ page: OllamaPage) -> LocalAnswer {
        switch page {
        case .tags: LocalAnswer(body: [])
        case .running: LocalAnswer(body: [])
        case .version: LocalAnswer(body: [])
        case .show: LocalAnswer(body: [])
        }
    }

    func show(_ body: ByteBuffer) -> LocalAnswer { LocalAnswer(body: []) }
}
