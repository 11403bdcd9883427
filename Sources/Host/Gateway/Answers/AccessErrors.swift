import Core

/// What is told to whom something is not allowed.
extension ErrorBody {
    private static func unauthenticated(_ message: String, code: String) -> ErrorBody {
        var error = ErrorBody(status: 401, message: message, type: "authentication_error", code: code)
        error.isChallenge = true
        return error
    }

    private static func forbidden(_ message: String, param: String? = nil, code: String) -> ErrorBody {
        ErrorBody(status: 403, message: message, type: "permission_error", param: param, code: code)
    }

    static var noKey: ErrorBody {
        unauthenticated(
            "This gateway needs a key, and none was sent. Send it as 'Authorization: Bearer nx-...', or as x-api-key.",
            code: "missing_api_key")
    }

    static var unknownKey: ErrorBody {
        unauthenticated(
            "The key that was sent is not one of this gateway's. Ask its operator for one.", code: "invalid_api_key")
    }

    static func expiredKey(_ end: Int64) -> ErrorBody {
        unauthenticated(
            "The key that was sent has expired (\(Timestamp.text(seconds: Double(end)))). Ask the operator of this "
                + "gateway for another.",
            code: "expired_api_key")
    }

    static var clientKey: ErrorBody {
        forbidden("This is for operators, and the key that was sent is a client's.", code: "not_an_operator")
    }

    static var onlyLocal: ErrorBody {
        forbidden(
            "This is for operators: without an operator's key only from the machine on which the gateway runs, and "
                + "not through a proxy. 'nexus keys add NAME --role operator' makes such a key.",
            code: "operators_are_local")
    }

    static var unconfirmed: ErrorBody {
        forbidden(
            "A command of somebody who has signed in must come from the gateway's page, which shows the value of its "
                + "cookie nexus_csrf as x-nexus-csrf. Load the page again.",
            code: "unconfirmed_command")
    }

    /// Of each name that the key may not use, whether there is such a model or not.
    static func modelNotAllowed(_ model: String) -> ErrorBody {
        forbidden(
            "The key that was sent may not use the model '\(EntryLimits.cut(model, to: EntryLimits.model))'.",
            param: "model", code: "model_not_allowed")
    }

    /// No names: a key that may not use a backend is not told which there are.
    static var backendNotAllowed: ErrorBody {
        forbidden(
            "The key that was sent may use none of the backends that could serve this.", code: "backend_not_allowed")
    }

    /// A field of the request that only operators may send.
    /// - Parameter refusal: what one who is no operator is told.
    static func notForClients(_ field: String, _ refusal: ErrorBody) -> ErrorBody {
        var error = refusal
        error.message = "\(field) is for operators, who say with it which backend is asked. \(refusal.message)"
        return error
    }

    init(_ reached: LimitReached) {
        self.init(
            status: 429,
            message: "The limit of this key is reached: \(reached.words) (\(reached.limit.rawValue)). Try again in "
                + "\(reached.retryAfter) s.",
            type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: reached.retryAfter)
    }
}
