/// What a browser is shown in the place of the dashboard as long as nobody has signed in. It needs no script.
public enum SignInPage {
    /// The form goes to the gateway alone.
    public static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    /// - Parameter problem: why the last try failed; empty: there was none.
    public static func html(problem: String) -> [UInt8] {
        let told: HTML =
            problem.isEmpty ? "" : "<p id=\"sign-in-problem\" class=\"problem\" role=\"alert\">\(problem)</p>\n"
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="same-origin">
            <title>Nexus: sign in</title>
            <link rel="stylesheet" href="/assets/\(AssetStore.shared.version)/styles.css">
            </head>
            <body>
            <main id="main">
            <h1>Nexus</h1>
            <form id="sign-in" method="post" action="/v1/session">
            <h2>Sign in</h2>
            \(told)<p><label for="key">An operator's key</label></p>
            <p><input id="key" name="key" type="password" autocomplete="current-password" required autofocus></p>
            <p><button type="submit" class="button">Sign in</button></p>
            </form>
            </main>
            </body>
            </html>

            """
        return page.bytes
    }
}
