import Core
import Dashboard
import JSON
import NIOCore

/// Operators sign in on the page with their key, and out again.
struct SignInAnswers {
    let state: GatewayState

    // MARK: The form

    /// What a browser is shown in the place of the page. It works without a script.
    static func form(status: Int, problem: String = "") -> LocalAnswer {
        LocalAnswer(
            status: status, contentType: PageRenderer.contentType, fields: page,
            body: SignInPage.html(problem: problem))
    }

    private static var page: [(StaticString, String)] {
        [
            ("content-security-policy", SignInPage.contentSecurityPolicy), ("cache-control", "no-store"),
            // With "no-referrer" browsers would not say either that it is the gateway's own page that sends the form.
            ("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin"),
        ]
    }

    // MARK: Signing in

    /// `POST /v1/session` with `key`, as JSON or as a form of a page.
    func signIn(_ call: RouteCall) -> LocalAnswer {
        let isForm = Self.isForm(call.body, call.context.contentType)
        func refuse(_ error: ErrorBody) -> LocalAnswer {
            guard isForm else { return .error(error) }
            var answer = Self.form(status: error.status, problem: error.message)
            if let seconds = error.retryAfter { answer.fields.append(("retry-after", "\(seconds)")) }
            return answer
        }
        let address = call.context.peer?.ipAddress ?? ""
        let keyring = state.settings.keyring
        let (shown, wall) = (Self.key(in: call.body, isForm: isForm), Clock.wallSeconds())
        guard let key = keyring.key(Array(shown.utf8)), !key.rule.isExpired(at: wall) else {
            // Only who has no key waits: behind a proxy all have one address, and nobody is to keep others out.
            if let seconds = state.door.wait(address) { return refuse(.tooManySignIns(seconds)) }
            state.door.signIn(address, succeeded: false)
            let error = ErrorBody.notSignedIn
            state.door.refused(error, call.context, state.logs.operators)
            return refuse(error)
        }
        guard key.isOperator else { return refuse(.clientKey) }
        state.door.signIn(address, succeeded: true)
        let session = state.seal.session(of: key, wall: wall)
        let token = state.seal.token(session)
        let confirmation = state.seal.confirmation(of: token)
        AuditAnswers(state: state).append(
            AuditRecord(
                at: Clock.preciseWallSeconds(), key: key.name, isSession: true, client: address, command: "sign in",
                status: 200))
        var answer = isForm ? Self.back : LocalAnswer(body: Self.json(session, confirmation))
        for cookie in SessionCookie.set(token, confirmation, seconds: session.ends - wall, isTLS: call.context.isTLS) {
            answer.fields.append(("set-cookie", cookie))
        }
        answer.fields.append(("cache-control", "no-store"))
        return answer
    }

    /// To the page.
    private static var back: LocalAnswer {
        LocalAnswer(status: 303, contentType: "text/plain", fields: [("location", "/")], body: [])
    }

    /// `DELETE /v1/session`: copies of the cookie count no more, and live updates that were opened with it end.
    func signOut(_ context: RequestContext) -> LocalAnswer {
        if let session = context.principal.session {
            state.seal.end(session, wall: Clock.wallSeconds())
            AuditAnswers(state: state).append(
                AuditRecord(
                    at: Clock.preciseWallSeconds(), key: session.key, isSession: true,
                    client: context.peer?.ipAddress ?? "", command: "sign out", status: 200))
            state.loops.tell { $0.end(session) }
        }
        var answer = LocalAnswer(status: 200, body: Array("{\"signed_in\":false}".utf8))
        for cookie in SessionCookie.set("", "", seconds: 0, isTLS: false) {
            answer.fields.append(("set-cookie", cookie))
        }
        return answer
    }

    /// `GET /v1/session`: who asks, for the page.
    func session(_ context: RequestContext) -> LocalAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key("signed_in")
        json.bool(context.key?.isOperator ?? false)
        json.key("key")
        if let key = context.key { json.string(key.name) } else { json.null() }
        json.key("certificate")
        if let certificate = context.principal.certificate { json.string(certificate.name) } else { json.null() }
        json.key("may_view")
        json.bool(AccessGate.refusal(.view, context, state.settings) == nil)
        json.key("needs_sign_in")
        json.bool(state.settings.keyring.hasOperators && context.principal.certificate == nil)
        json.endObject()
        return LocalAnswer(fields: [("cache-control", "no-store")], body: json.bytes)
    }

    private static func json(_ session: Session, _ confirmation: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("signed_in")
        json.bool(true)
        json.key("key")
        json.string(session.key)
        json.key("csrf")
        json.string(confirmation)
        json.key("expires")
        json.string(Timestamp.text(seconds: Double(session.ends)))
        json.endObject()
        return json.bytes
    }

    // MARK: What came

    /// A page's form, which is answered with a page; programs get JSON, also who sends nothing. Some send JSON under the type of forms.
    private static func isForm(_ body: ByteBuffer, _ contentType: String) -> Bool {
        let first = body.withUnsafeReadableBytes { $0.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D } }
        return first != UInt8(ascii: "{") && contentType.lowercased().hasPrefix("application/x-www-form-urlencoded")
    }

    /// Empty: there is none.
    private static func key(in body: ByteBuffer, isForm: Bool) -> String {
        guard isForm else {
            return body.withUnsafeReadableBytes { try? JSONValue.parse($0) }?["key"]?.string ?? ""
        }
        let text = body.getString(at: body.readerIndex, length: body.readableBytes) ?? ""
        return QueryValues(text).all.first { $0.name == "key" }?.value
            .filter { $0 != " " } ?? ""
    }
}

extension ErrorBody {
    static var notSignedIn: ErrorBody {
        ErrorBody(
            status: 401, message: "That is not a key of this gateway, or it has expired.",
            type: "authentication_error", code: "invalid_api_key")
    }

    static func tooManySignIns(_ seconds: Int) -> ErrorBody {
        ErrorBody(
            status: 429, message: "Too many keys were tried from this address; try again in \(seconds) s.",
            type: "rate_limit_error", code: "too_many_sign_ins", retryAfter: seconds)
    }
}
