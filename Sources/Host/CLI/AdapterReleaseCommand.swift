import ArgumentParser
import Config
import Core
import Gateway
import JSON
import Terminal

struct AdapterReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Take an adapter back that was left out for its crashes.",
        discussion:
            "Its crashes are forgotten. The running gateway is asked to do it and loads the file at once; if none runs, it is "
            + "done in the state directory, and the next start loads it.")

    @OptionGroup var host: HostOptions
    @Option(
        name: .customLong("state-dir"),
        help: "State directory of a gateway that does not run, as STATE_DIRECTORY names it for a service.")
    var stateDirectory: String?
    @Argument(help: "The adapter's file, its type, or the beginning of its SHA-256.") var adapter: String

    func run() throws {
        if stateDirectory == nil, try askGateway() { return }
        guard let folder = StateFolder.adapters(environment) else {
            throw fail("there is no state directory; name it with --state-dir")
        }
        switch Gateway.releaseAdapter(adapter, in: folder) {
        case .released(let hashes):
            if host.json { return print(Self.json(hashes)) }
            print("Taken back: \(hashes.map(\.short).joined(separator: ", ")). The next start loads it.")
        case .unknown(let known):
            let known = known.isEmpty ? "no crash is known" : "there are: \(known.joined(separator: ", "))"
            throw fail(
                "no adapter called '\(CellText.clean(adapter))' has crashed; \(CellText.clean(known)) (\(folder))")
        case .failed(let reason): throw fail("it was not taken back: \(reason)")
        }
    }

    private var environment: [String: String] {
        guard let stateDirectory else { return environmentVariables() }
        return ["STATE_DIRECTORY": stateDirectory]
    }

    /// False: no gateway answers.
    private func askGateway() throws -> Bool {
        let place = try host.place()
        let answer: (status: Int, body: [UInt8])
        do throws(PlainHTTP.Failure) {
            answer = try PlainHTTP.ask(
                "POST", at: place, path: "/v1/adapters/release?adapter=" + PathPart.encoded(adapter), key: host.shownKey
            )
        } catch {
            // One that was named should have answered.
            guard host.url == nil else { throw fail("\(place): \(error.reason)") }
            return false
        }
        let value = try? JSONValue.parse(answer.body)
        guard answer.status == 200, let value else {
            let words = GatewayWords.refusal(value, answer.status)
            throw fail("\(place): \(words) (an operator's key is given with --key or NEXUS_KEY)")
        }
        if host.json {
            print(String(decoding: answer.body, as: UTF8.self))
            return true
        }
        let loaded = value["loaded"]?.array?.compactMap(\.string) ?? []
        print(
            loaded.isEmpty
                ? "Taken back; it is not in use now: see 'nexus adapters list'."
                : "Taken back, and in use: \(CellText.clean(loaded.joined(separator: ", "))).")
        return true
    }

    private static func json(_ hashes: [ContentHash]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, texts) in [("released", hashes.map(\.text)), ("loaded", [])] {
            writer.key(key)
            writer.beginArray()
            for text in texts { writer.string(text) }
            writer.endArray()
        }
        writer.endObject()
        return writer.text
    }
}
