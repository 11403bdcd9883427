import Config
import Foundation
import Testing

@testable import Gateway

/// Pages of docs that are made from the code. `NEXUS_WRITE_DOCS=1` writes them anew.
@Suite struct ReferenceTests {
    @Test func theReferenceOfTheConfigurationIsAsItsReadersTakeIt() throws {
        try Self.check("reference/configuration.md", ConfigurationReference.markdown(startOnly: RestartKeys.names))
    }

    @Test func keysThatNeedARestartAreKeys() {
        #expect(RestartKeys.names.isSubset(of: ConfigurationReference.paths))
    }

    @Test func theReferenceOfTheRoutesIsAsTheTableHasThem() throws {
        try Self.check("reference/routes.md", RouteReference.markdown)
    }

    @Test func theOpenAPIDocumentIsAsTheTableHasIt() throws {
        try Self.check("openapi.json", OpenAPIDocument.pretty(OpenAPIDocument.render(RouteTable.gateway.all)))
    }

    @Test func everyRouteSaysWhatItIsForInOneSentence() {
        for route in RouteTable.gateway.all {
            #expect(route.says.summary.hasSuffix(".") && !route.says.summary.contains("\n"), "\(route.pattern.text)")
            for parameter in route.says.parameters { #expect(parameter.words.hasSuffix("."), "\(route.pattern.text)") }
        }
    }

    @Test func whatIsServedHasAnAnswer() {
        for route in RouteTable.gateway.all where route.says.isForPrograms {
            #expect(route.says.answers.contains { $0.status < 300 }, "\(route.pattern.text)")
        }
    }

    @Test func schemasAreNamedOnceAndThoseThatAreNamedAreThere() {
        let names = Schemas.all.map(\.name)
        let text = String(decoding: OpenAPIDocument.text, as: UTF8.self)
        let meant = Set(text.matches(of: /#\/components\/schemas\/(\w+)/).map { String($0.output.1) })

        #expect(Set(names).count == names.count)
        #expect(meant == Set(names))
    }

    static func check(_ name: String, _ text: String) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/\(name)")
        if ProcessInfo.processInfo.environment["NEXUS_WRITE_DOCS"] == "1" {
            try text.write(to: path, atomically: true, encoding: .utf8)
        } else {
            #expect(
                try String(contentsOf: path, encoding: .utf8) == text, "NEXUS_WRITE_DOCS=1 writes docs/\(name) anew")
        }
    }
}
