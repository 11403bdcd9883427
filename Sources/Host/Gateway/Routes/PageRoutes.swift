/// The dashboard, and signing in.
extension RouteTable {
    static let page: [Route] = [
        Route(
            .get, path: "/", access: .view, says: .page("The dashboard ([dashboard.md](../dashboard.md))."),
            .lookup { PageAnswers(state: $0.state).page($0, $1) }),
        Route(
            .get, path: "/assets/{name...}", access: .everybody, says: .page("Its files."),
            .answer { LocalAnswers.asset($0.values[0], $0.context.wishes) }),
        // What browsers and crawlers ask every site for.
        Route(
            .get, path: "/favicon.ico", access: .everybody, says: .page("Its picture."),
            .answer { LocalAnswers.rootFile("favicon.ico", $0.context.wishes) }),
        Route(
            .get, path: "/robots.txt", access: .everybody, says: .page("Crawlers are asked to stay away."),
            .answer { LocalAnswers.rootFile("robots.txt", $0.context.wishes) }),
        Route(
            .get, path: "/sign-in", access: .door, says: .page("The form in which operators sign in."),
            .answer { _ in SignInAnswers.form(status: 200) }),
        Route(
            .get, path: "/v1/session", access: .door,
            says: Operation(
                "Who asks, for the page ([access.md](../access.md)).",
                .json(
                    .object([
                        "signed_in": .flag, "key": .text.orNull, "certificate": .text.orNull, "may_view": .flag,
                        "needs_sign_in": .flag,
                    ]))),
            .answer { SignInAnswers(state: $0.state).session($0.context) }),
        Route(
            .post, path: "/v1/session", access: .door,
            says: Operation(
                "Sign in with an operator's key; cookies carry the session.",
                body: Operation.Body(schema: .object(["key": .text])),
                .json(.object(["signed_in": .flag, "key": .text, "csrf": .text, "expires": .time])), errors: [401]),
            .answer { SignInAnswers(state: $0.state).signIn($0) }),
        Route(
            .delete, path: "/v1/session", access: .door,
            says: Operation("Sign out.", .json(.object(["signed_in": .flag]))),
            .answer { SignInAnswers(state: $0.state).signOut($0.context) }),
    ]
}
