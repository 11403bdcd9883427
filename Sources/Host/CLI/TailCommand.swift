import ArgumentParser
import Core
import Gateway
import Glibc
import JSON
import Terminal

struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Follow the log of the running gateway.",
        discussion:
            "Shows only what the gateway's own level lets through ([logging]); --json prints each line as the gateway's JSON. "
            + "Goes on when the gateway is restarted; end it with Ctrl-C. See docs/logging.md.")

    @OptionGroup var host: HostOptions
    @Option(name: [.customShort("n"), .long], help: "Lines to begin with, 0 to 2000.") var lines = 20
    @Option(help: "Only of this level and worse: trace, debug, info, notice, warning, error or critical.")
    var level: String?
    @Option(help: "Only of this component, such as requests, backends or routing.") var component: String?
    @Option(help: "Only about the request with this id.") var request: String?
    @Option(help: "Only about requests for this model.") var model: String?
    @Option(help: "Only about this client: its address, or the name of its key.") var client: String?
    @Option(help: "Only about this backend.") var backend: String?
    @Flag(name: .customLong("no-follow"), help: "Show the lines that are there, and end.") var endsAtOnce = false

    /// Microseconds between two questions.
    private static let pause: UInt32 = 500_000
    /// Lines that one answer may hold.
    private static let limit = 2000

    func validate() throws {
        guard (0...Self.limit).contains(lines) else { throw ValidationError("--lines must be from 0 to \(Self.limit)") }
        try Choice.check(level, "--level", Configuration.Logging.Level.allCases.map(\.rawValue))
        try Choice.check(component, "--component", Configuration.Logging.Component.allCases.map(\.rawValue))
    }

    func run() throws {
        var follower = LogFollower()
        let (status, body) = try host.get(question(follower, first: true))
        try show(status, body, &follower, isFirst: true)
        if endsAtOnce { return }
        let place = try host.place()
        var isAway = false
        while true {
            usleep(Self.pause)
            do throws(PlainHTTP.Failure) {
                let answer = try PlainHTTP.ask(
                    "GET", at: place, path: question(follower, first: false), key: host.shownKey)
                if isAway { note("nexus: \(place) answers again") }
                isAway = false
                (try? show(answer.status, answer.body, &follower, isFirst: false)) ?? ()
                if answer.status != 200 { isAway = true }
            } catch {
                if !isAway { note("nexus: \(place): \(error.reason); waiting until it answers again") }
                isAway = true
            }
        }
    }

    private func question(_ follower: LogFollower, first: Bool) -> String {
        var query = ["limit=\(first ? max(1, lines) : Self.limit)", "after=\(follower.after)"]
        for (name, value) in [
            ("level", level), ("component", component), ("request", request), ("model", model), ("client", client),
            ("backend", backend),
        ] {
            if let value { query.append("\(name)=\(PathPart.encoded(value))") }
        }
        return "/v1/logs?" + query.joined(separator: "&")
    }

    private func show(_ status: Int, _ body: [UInt8], _ follower: inout LogFollower, isFirst: Bool) throws {
        let answer = try host.parsed(body)
        guard status == 200 else {
            throw fail(GatewayWords.refusal(answer, status))
        }
        switch follower.take(answer) {
        case .strange: throw fail("the answer is no log; is that a nexus?")
        case .restarted: note("nexus: the gateway was restarted")
        case .lines(let new, let missed):
            if missed > 0 {
                note("nexus: \(Counted.words(missed, "line")) not kept: the log was faster than this command")
            }
            for line in new where !(isFirst && lines == 0) {
                if host.json {
                    print(String(decoding: line.bytes, as: UTF8.self))
                } else if let text = Gateway.logLine(line) {
                    print(text)
                }
            }
            // At once, also into a pipe.
            fflush(nil)
        }
    }

    private func note(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}

/// A value that must be one of a few words.
enum Choice {
    static func check(_ value: String?, _ option: String, _ words: [String]) throws {
        guard let value, !words.contains(value) else { return }
        let near = Suggestion.nearest(value, in: words).map { "; did you mean '\($0)'?" } ?? ""
        throw ValidationError("\(option) must be one of \(words.joined(separator: ", "))\(near)")
    }
}
