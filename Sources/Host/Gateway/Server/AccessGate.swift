import Core
import HTTP1

/// Whether a request may use a route. Asked when its head is known, before its body is read.
enum AccessGate {
    /// Why it may not; nil: it may.
    static func refusal(_ access: Route.Access, _ context: RequestContext, _ settings: LiveSettings) -> ErrorBody? {
        if case .certificate = context.principal { return nil }
        switch access {
        case .everybody, .door: return nil
        case .client:
            guard settings.keyring.isRequired else { return nil }
            return refusal(of: context) { _ in nil }
        case .view where settings.isDashboardPublic: return nil
        case .view, .operator:
            // As long as there is no other way to know an operator: who is on this machine.
            guard settings.keyring.hasOperators else { return context.isLocal ? nil : .onlyLocal }
            return refusal(of: context) { $0.isOperator ? nil : .clientKey }
        }
    }

    private static func refusal(of context: RequestContext, _ check: (AccessKey) -> ErrorBody?) -> ErrorBody? {
        switch context.principal {
        case .anonymous: .noKey
        case .stranger: .unknownKey
        case .late(let end): .expiredKey(end)
        case .certificate: nil
        case .key(let key): check(key)
        case .session(let signIn, let isConfirmed):
            // A browser sends the cookie along with whatever asks for it, a page's question as well as its command.
            isConfirmed || context.method == .get || context.method == .head ? check(signIn.key) : .unconfirmed
        }
    }
}
