import Foundation
import Testing

@testable import Terminal

@Suite struct RouteWordsTests {
    @Test(arguments: [
        ("or not any more. GET /v1/captures lists them.", "or not any more. 'nexus captures list' lists them."),
        ("GET /v1/requests/active lists those that are", "'nexus requests list' lists those that are"),
        ("now; see GET /v1/backends/{id}/actions.", "now; see 'nexus actions list NAME'."),
        ("Add ?exchange= with the value", "Add --exchange with the value"),
        ("or ?all=true to cancel them all", "or --all to cancel them all"),
    ])
    func aRouteIsSaidAsTheCommandThatAsksForIt(_ message: String, _ told: String) {
        #expect(RouteWords.told(message) == told)
    }

    @Test(arguments: [
        ("nexus backends enable (POST /v1/backends/{name}/enable).", "nexus backends enable."),
        (
            "say so: nexus config reload --allow-empty, or POST /v1/admin/reload?allow_empty=true.",
            "say so: nexus config reload --allow-empty."
        ),
    ])
    func aRouteBesideItsCommandIsLeftOut(_ message: String, _ told: String) {
        #expect(RouteWords.told(message) == told)
    }

    @Test func theBeginningOfAnotherRouteIsNotHeldForIt() {
        let message = "GET /v1/captures/{id} and GET /v1/backendsmen"
        #expect(RouteWords.told(message) == message)
    }

    /// What no command asks for, and so none is refused with.
    private static let withoutCommand: Set<String> = [
        "GET /v1/openapi.json", "POST /v1/responses", "GET /v1/actions",
    ]

    @Test func everyRouteInAMessageOfTheGatewayHasItsCommand() throws {
        let host = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Host").standardizedFileURL
        var left: [String] = []
        var seen = 0
        for folder in ["Core", "Gateway/Answers", "Gateway/Glass", "Gateway/Running", "Gateway/Server"] {
            let names = try FileManager.default.subpathsOfDirectory(atPath: host.appendingPathComponent(folder).path)
            for name in names where name.hasSuffix(".swift") {
                let text = try String(contentsOf: host.appendingPathComponent("\(folder)/\(name)"), encoding: .utf8)
                let code = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
                    .joined(separator: "\n").replacing(/"\s*\+\s*"/, with: "")
                for literal in code.matches(of: /"[^"\n]*(GET|POST|PUT|PATCH|DELETE) \/v1[^"\n]*"/) {
                    seen += 1
                    let told = RouteWords.told(String(literal.output.0))
                    left += told.matches(of: /(GET|POST|PUT|PATCH|DELETE) \/v1[^ ,;)"]*[a-z}]/).map {
                        String($0.output.0)
                    }
                    .filter { !Self.withoutCommand.contains($0) }.map { "\(name): \($0)" }
                }
            }
        }
        #expect(left.isEmpty, "RouteWords needs a command for each")
        #expect(seen >= 15)
    }
}
