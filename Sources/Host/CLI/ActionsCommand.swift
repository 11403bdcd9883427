import ArgumentParser
import Glibc
import JSON
import Terminal

struct ActionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "actions", abstract: "What an operator can run on a backend: pull a model, unload one.",
        subcommands: [List.self, Run.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the actions that a backend offers.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend; see 'nexus backends list'.") var backend: String

        func run() throws {
            let (status, body) = try host.get("/v1/backends/\(PathPart.encoded(backend))/actions")
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            let actions = value["data"]?.array ?? []
            if actions.isEmpty { return print("This backend offers no actions.") }
            print(
                TextTable.render(
                    ["ACTION", "ARGUMENTS", "WHAT IT DOES"],
                    actions.map { action in
                        let required = action["parameters"]?["required"]?.array ?? []
                        let names = action["parameters"]?["properties"]?.object?.members.map(\.name) ?? []
                        return [
                            action["name"]?.string ?? "",
                            names.map { required.contains(.string($0)) ? $0 : "[\($0)]" }.joined(separator: " "),
                            action["help"]?.string ?? "",
                        ]
                    }))
        }
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run an action: progress goes to standard error, the result to standard output.",
            discussion: "An argument is name=text or name:=JSON, e.g. model=llama3.2:1b insecure:=true. "
                + "Ending this command cancels the action.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend.") var backend: String
        @Argument(help: "Name of the action.") var name: String
        @Argument(help: "name=text or name:=JSON.") var arguments: [String] = []

        func run() throws {
            let address = try host.place()
            let path =
                "/v1/backends/\(PathPart.encoded(backend))/actions/\(PathPart.encoded(name))?stream=true"
            let body = JSONValue.object(try ActionsCommand.parsed(arguments)).bytes
            var last: JSONValue?
            do throws(PlainHTTP.Failure) {
                try PlainHTTP.lines(at: address, path: path, body: body, key: host.shownKey) { line in
                    // A refusal comes as a body of its own, on one line.
                    guard let event = try? JSONValue.parse(line.kind == .data ? line.value : line.text) else { return }
                    last = event
                    if event["type"]?.string == "progress" { Self.show(event) }
                }
            } catch {
                throw fail("\(address): \(error.reason); is 'nexus serve' running there? (--url names another address)")
            }
            if let message = GatewayWords.message(last) { throw fail(message) }
            guard let last, last["type"]?.string == "result" else { throw fail("the gateway ended without a result") }
            if let result = last["result"], !result.isNull { print(String(decoding: result.bytes, as: UTF8.self)) }
        }

        private static func show(_ event: JSONValue) {
            guard let message = event["message"]?.string else { return }
            let percent = event["fraction"]?.double.map { " \(Int(min(max($0, 0), 1) * 100)) %" } ?? ""
            let line = Array("\(CellText.clean(message))\(percent)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
        }
    }

    /// `name=text` and `name:=JSON` as an object.
    static func parsed(_ arguments: [String]) throws -> JSONObject {
        var object = JSONObject()
        for argument in arguments {
            guard let mark = argument.firstIndex(of: "="), mark != argument.startIndex else {
                throw usage("'\(argument)' must be name=text or name:=JSON")
            }
            let value = String(argument[argument.index(after: mark)...])
            let before = argument.index(before: mark)
            guard argument[before] == ":" else {
                object[String(argument[..<mark])] = .string(value)
                continue
            }
            do throws(JSONError) {
                object[String(argument[..<before])] = .some(try JSONValue.parse(value))
            } catch {
                throw usage("'\(argument)': the value is not JSON: \(error.reason)")
            }
        }
        return object
    }
}

/// One part of a path.
enum PathPart {
    /// Everything but unreserved characters is escaped (RFC 3986, section 2.3).
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
            let digits = String(byte, radix: 16, uppercase: true)
            result += isPlain ? String(UnicodeScalar(byte)) : "%" + (digits.count == 1 ? "0" : "") + digits
        }
        return result
    }
}
