import AdapterHost
import PluginAPI
import Synchronization

extension Check {
    /// Clients that go away, many at once, long lines, leaks.
    static let enduring: [Check] = [
        Check("exchange.cancelled", "an exchange that is cancelled at any point does no harm, and the next one works") {
            bench in
            for stream in [false, true] {
                let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: stream)
                for turns in 0..<16 {
                    let backend = try bench.backend()
                    let loop = bench.loop(Variation(pieceSize: 80))
                    let task = backend.submit(ask, on: loop)
                    loop.run(turns: turns)
                    loop.cancel(task)
                    // A second time, as when the host shuts down meanwhile.
                    loop.cancel(task)
                    loop.settle()
                    let next = backend.submit(ask, on: loop)
                    loop.settle()
                    backend.destroy(after: loop)
                    try require(next.isFinished, "after a cancel at turn \(turns) the next exchange \(next.outcome)")
                }
            }
            return "at 16 points"
        },
        Check("exchange.deadline", "an exchange whose time is up while the server is silent fails as TIMEOUT") {
            bench in
            var ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            ask.timeout = 1000
            let task = try bench.exchange(ask, Variation(fault: .silent))
            try bench.requireHTTP(task)
            try require(task.failure?.kind == NEXUS_FAIL_TIMEOUT, "it \(task.outcome)")
            return task.outcome
        },
        Check("exchange.destroy-after-end", "an instance may be destroyed as soon as its exchanges have ended") {
            bench in
            let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
            for fault in [.none, .status(500), .closes(500), .silent] as [Fault] {
                let backend = try bench.backend()
                let loop = bench.loop(Variation(fault: fault, pieceSize: 60))
                for stream in [false, true] { _ = backend.submit(bench.ask(kind, stream: stream), on: loop) }
                _ = backend.probe(on: loop)
                loop.settle()
                backend.destroy(after: loop)
                loop.settle()
            }
            try requireNone(bench.breaches.words(.lateCallback))
            return "it may"
        },
        Check("exchange.thousand-at-once", "1,000 exchanges at once all end well") { bench in
            let backend = try bench.backend()
            let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            let loop = bench.loop()
            let tasks = (0..<1000).map { _ in backend.submit(ask, on: loop) }
            loop.settle()
            backend.destroy(after: loop)
            if let other = tasks.first(where: { !$0.isFinished }) {
                throw CheckStop.failed("one of them \(other.outcome)")
            }
            let first = tasks[0].written.count
            try require(tasks.allSatisfy { $0.written.count == first }, "their answers differ in length")
            return "they do"
        },
        Check("exchange.threads", "exchanges of one instance on four loops at the same time all end well") { bench in
            let backend = try bench.backend()
            let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            let results = Mutex<[String]>([])
            let left = Mutex(4)
            let waiter = Inbox(breaches: bench.breaches)
            let crossing = Crossing(bench: bench)
            for _ in 0..<4 {
                DetachedThread.run("check-loop") {
                    for round in 0..<10 {
                        let loop = crossing.bench.loop(Variation(pieceSize: 50 + round))
                        let tasks = (0..<5).map { _ in backend.submit(ask, on: loop) }
                        loop.settle()
                        for task in tasks where !task.isFinished { results.withLock { $0.append(task.outcome) } }
                    }
                    left.withLock { $0 -= 1 }
                    waiter.push { _ in }
                }
            }
            while left.withLock({ $0 > 0 }) { _ = waiter.wait(milliseconds: 1000) }
            backend.destroy()
            if let other = results.withLock({ $0.first }) { throw CheckStop.failed("one of them \(other)") }
            return "200 exchanges"
        },
        Check("exchange.long-line", "a line of 160 MB ends the exchange, and is not kept in memory") { bench in
            let ask = bench.ask(try bench.textKind(), stream: true)
            let size = 160 * 1024 * 1024
            let limit = 96 * 1024 * 1024
            guard bench.server.isVariable else { throw CheckStop.skipped("the script has no such line") }
            let backend = try bench.backend()
            let before = ProcessState.residentBytes
            let peak = Mutex(0)
            let server = bench.server
            let loop = ScriptedLoop(breaches: bench.breaches, ownThreads: bench.subject.ownThreads) {
                Arrival.of($0, by: server, Variation(fault: .endlessLine(size), onGenerationOnly: true))
            }
            let task = backend.submit(ask, on: loop)
            while task.isLive, loop.runSome() {
                let now = ProcessState.residentBytes
                peak.withLock { $0 = max($0, now - before) }
                if now - before > limit { loop.cancel(task) }
            }
            loop.settle()
            backend.destroy(after: loop)
            try bench.requireHTTP(task)
            let most = peak.withLock { $0 } / 1_048_576
            try require(most <= 96, "it took \(most) MiB; give up beyond a bound")
            try require(task.ender == .adapter, "it \(task.outcome)")
            return "\(task.isFinished ? "finished" : "failed"), \(most) MiB at most"
        },
        Check(
            "exchange.no-memory-leak", "200 exchanges, of which some fail or are cancelled, keep no memory",
            needsOwnProcess: true
        ) {
            bench in
            let bound = try bench.boundLog()
            var backend = try bench.backend(bound)
            let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
            // What an instance's own threads have not come to yet is no leak: destroy has them come to it.
            let hasThreads = ProcessState.threadCount > bench.subject.ownThreads
            let grown = try Leaks.memory(times: 50) {
                guard hasThreads else { return }
                backend.destroy()
                backend = try bench.backend(bound)
            } _: {
                for (fault, turns) in [(.none, 1000), (.status(500), 1000), (.closes(500), 1000), (.none, 1)]
                    as [(Fault, Int)]
                {
                    let loop = bench.loop(Variation(fault: fault))
                    let task = backend.submit(bench.ask(kind, stream: true), on: loop)
                    loop.run(turns: turns)
                    loop.cancel(task)
                    loop.settle()
                }
            }
            backend.destroy()
            try require(grown < 200 * 32, "\(grown) bytes more in use, \(grown / 200) each exchange")
            return "\(max(0, grown)) bytes"
        },
        Check("exchange.no-descriptor-leak", "exchanges leave no file open and no thread behind") { bench in
            let backend = try bench.backend()
            let ask = bench.ask(try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT, stream: true)
            func run() {
                let loop = bench.loop()
                for _ in 0..<20 { _ = backend.submit(ask, on: loop) }
                loop.settle()
            }
            run()
            let before = ProcessState.threadCount
            let files = Leaks.descriptors { for _ in 0..<5 { run() } }
            let threads = ProcessState.threadCount(expecting: before) - before
            backend.destroy()
            try require(files <= 0, "\(files) more files open after 100 exchanges")
            try require(threads < 50, "\(threads) more threads after 100 exchanges")
            return "none"
        },
        Check(
            "exchange.process-untouched", "an exchange changes no handler, locale, directory or stream",
            needsOwnProcess: true
        ) { bench in
            _ = try bench.subject.image()
            let before = ProcessState.now()
            try runThree(bench)
            try requireNone(before.difference(to: ProcessState.now()))
            return "nothing changed"
        },
        Check("exchange.no-output", "an exchange prints nothing") { bench in
            _ = try bench.subject.image()
            bench.subject.clearOutput()
            try runThree(bench)
            if let output = bench.subject.printed {
                throw CheckStop.failed("printed \(Answer.excerpt(Array(output.utf8)))")
            }
            return "nothing"
        },
    ]

    private static func runThree(_ bench: Bench) throws {
        let kind = try bench.kinds().first?.bit ?? NEXUS_KIND_CHAT
        for fault in [.none, .status(500), .nonsense] as [Fault] {
            _ = try bench.exchange(bench.ask(kind, stream: true), Variation(fault: fault))
        }
    }

    /// Invariant behind the unchecked Sendable: of the bench only what is never written to, or has a lock of its own (`Subject.note`), is
    /// used on other threads.
    private struct Crossing: @unchecked Sendable {
        let bench: Bench
    }
}
