import ArgumentParser
import Core
import Glibc
import JSON
import Synchronization
import Terminal

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch the running gateway in the terminal.",
        discussion:
            "Shows what is wrong, the backends, the requests under way and those that have ended, and renews it "
            + "every second. q quits, space pauses. Colours are left out where NO_COLOR is set.")

    @Option(help: "Address of the running gateway; default: from configuration and environment.") var url: String?
    @Option(name: .shortAndLong, help: "Configuration file that names host and port.") var config: String?
    @Option(help: "Key of an operator; default: NEXUS_KEY.") var key: String?
    @Option(name: .customLong("ca-file"), help: "File with a certificate to trust over https; default: NEXUS_CA_FILE.")
    var caFile: String?
    @Flag(help: "Print one picture as text, and end.") var once = false
    /// For the documentation (`make picture`).
    @Flag(help: ArgumentHelp("With --once: as SVG.", visibility: .hidden)) var svg = false

    /// Rows of a picture that is printed: enough for each backend and each request that may be listed.
    private static let printedRows = 1200

    func run() async throws {
        var host = HostOptions()
        (host.url, host.config, host.key, host.caFile, host.json) = (url, config, key, caFile, false)
        let key = host.shownKey
        let address = try host.place()
        var state = TopState(address: "\(address)")
        if once {
            do throws(PlainHTTP.Failure) {
                state.take(try TopSource.picture(address, key), at: Self.now)
            } catch {
                guard !error.isRefusal else { throw fail(error.reason) }
                throw fail("\(address): \(error.reason); is 'nexus serve' running there? (--url names another address)")
            }
            let columns = environmentVariables()["COLUMNS"].flatMap { Int($0) } ?? 100
            let lines = Self.printed(state, columns: columns)
            if svg {
                print(ScreenPicture.svg(lines))
            } else {
                for line in lines { print(line.encoded(hasColour: false)) }
            }
            return
        }
        guard let terminal = RawTerminal() else {
            throw fail("top needs a terminal; 'nexus top --once' prints one picture as text")
        }
        let refusal = await Self.watch(state, address, key, terminal)
        // Before anything is said: the other screen goes with all that stands on it.
        terminal.restore()
        if let refusal { throw fail(refusal) }
    }

    private static func printed(_ state: TopState, columns: Int) -> [StyledLine] {
        let columns = max(columns, TopScreen.smallest.columns)
        let screen = TopScreen(state, columns: columns, rows: printedRows, now: now, clock: timeOfDay)
        // Without the line of keys, and what is blank above it.
        var lines = screen.lines.dropLast()
        while lines.last?.text.allSatisfy({ $0 == " " }) == true { lines.removeLast() }
        return Array(lines)
    }

    /// Until the user or a signal ends it, or a gateway that shows nothing without another key.
    /// - Returns: what that says; nil: it was ended.
    private static func watch(
        _ first: TopState, _ address: GatewayPlace, _ key: String?, _ terminal: RawTerminal
    ) async -> String? {
        let shared = Shared(first)
        // A task of its own, which may block for as long as the gateway is silent: keys are answered meanwhile.
        let source = Task.detached {
            var hasPicture = false
            while !Task.isCancelled {
                if !shared.state.withLock({ $0.isPaused }) {
                    do throws(PlainHTTP.Failure) {
                        let picture = try TopSource.picture(address, key)
                        shared.state.withLock { $0.take(picture, at: now) }
                        hasPicture = true
                    } catch {
                        // Later it is shown like any other failure, with the last picture.
                        if error.isRefusal, !hasPicture { shared.refusal.withLock { $0 = error.reason } }
                        shared.state.withLock { $0.failed(error.reason, at: now) }
                    }
                }
                try? await Task.sleep(for: .seconds(1))
            }
        }
        defer { source.cancel() }
        let hasColour = environmentVariables()["NO_COLOR"].map(\.isEmpty) ?? true
        while !RawTerminal.isEnded {
            if let refusal = shared.refusal.withLock({ $0 }) { return refusal }
            let size = terminal.size
            let state = shared.state.withLock { $0 }
            let screen = TopScreen(state, columns: size.columns, rows: size.rows, now: now, clock: timeOfDay)
            terminal.draw(screen.lines.map { $0.encoded(hasColour: hasColour) })
            for key in terminal.keys(within: 100) {
                switch key {
                // Ctrl-C and Ctrl-D are bytes here.
                case UInt8(ascii: "q"), UInt8(ascii: "Q"), 0x03, 0x04: return nil
                case UInt8(ascii: " "): shared.state.withLock { $0.pause() }
                default: break
                }
            }
        }
        return nil
    }

    private final class Shared: Sendable {
        let state: Mutex<TopState>
        let refusal = Mutex<String?>(nil)
        init(_ state: TopState) { self.state = Mutex(state) }
    }

    /// Seconds of the monotonic clock.
    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// In the user's own time.
    @Sendable private static func timeOfDay(_ seconds: Int64) -> String {
        var (instant, parts) = (time_t(seconds), tm())
        guard localtime_r(&instant, &parts) != nil else { return "" }
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }
}

/// Asks a running gateway for what `nexus top` shows.
private enum TopSource {
    static func picture(_ address: GatewayPlace, _ key: String?) throws(PlainHTTP.Failure) -> TopPicture {
        TopPicture(
            health: try value(address, key, "/health"), statistics: try value(address, key, "/v1/stats"),
            trouble: try value(address, key, "/v1/trouble", isOptional: true),
            backends: try value(address, key, "/v1/backends?models=0"),
            active: try value(address, key, "/v1/requests/active?limit=200"),
            history: try value(address, key, "/v1/history"))
    }

    private static func value(
        _ address: GatewayPlace, _ key: String?, _ path: String, isOptional: Bool = false
    ) throws(PlainHTTP.Failure) -> JSONValue {
        let (status, body) = try PlainHTTP.ask(
            "GET", at: address, path: path, key: key)
        // Of /health 503 is an answer too.
        guard status == 200 || status == 503, let value = try? JSONValue.parse(body) else {
            if isOptional { return .null }
            if let words = HostOptions.refusal(status, body) { throw PlainHTTP.Failure(reason: words, isRefusal: true) }
            throw PlainHTTP.Failure(reason: "\(path) is answered with status \(status)")
        }
        return value
    }
}
