// Runs the simulation: `simulate --seed N` replays one run and prints what happens; `simulate --hours H` runs seed after seed until
// so much virtual time is through, `simulate --seeds N` that many. `--first N` is where these begin.
import Glibc
import Simulation

private struct Usage: Error {}

private struct Options {
    var seed: UInt64?
    var hours: Double?
    var seeds: UInt64 = 2000
    var first: UInt64 = 1
    var isQuiet = false

    init(_ arguments: [String]) throws(Usage) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--quiet-run" {
                isQuiet = true
                continue
            }
            guard let value = rest.popFirst() else { throw Usage() }
            switch name {
            case "--seed": seed = UInt64(value)
            case "--hours": hours = Double(value)
            case "--seeds":
                guard let number = UInt64(value) else { throw Usage() }
                seeds = number
            case "--first":
                guard let number = UInt64(value) else { throw Usage() }
                first = number
            default: throw Usage()
            }
        }
    }
}

private func run() throws(Usage) -> Int32 {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    let faults: [Fault] = options.isQuiet ? [] : Fault.allCases
    if let seed = options.seed {
        let outcome = Simulation.run(seed: seed, faults: faults, prints: true)
        print(
            "seed \(seed): \(outcome.violation ?? "all rules held"), \(outcome.steps) steps, checksum \(String(outcome.checksum, radix: 16))"
        )
        return outcome.violation == nil ? 0 : 1
    }
    var tally = Tally()
    var seed = options.first
    while tally.goesOn(options.hours, options.seeds) {
        tally.add(Simulation.run(seed: seed, faults: faults))
        seed += 1
    }
    tally.tell()
    return tally.failed.isEmpty ? 0 : 1
}

private struct Tally {
    var seeds: UInt64 = 0
    var seconds = 0.0
    var steps: UInt64 = 0
    var asks = 0
    /// Of all runs: the same for the same seeds, in every process.
    var checksum: UInt64 = 0
    var faults = Fault.allCases.map { _ in 0 }
    var rare = Rare.allCases.map { _ in 0 }
    var failed: [(UInt64, String)] = []

    func goesOn(_ hours: Double?, _ limit: UInt64) -> Bool {
        hours.map { seconds < $0 * 3600 } ?? (seeds < limit)
    }

    mutating func add(_ outcome: Simulation.Outcome) {
        seeds += 1
        seconds += outcome.virtualSeconds
        steps += outcome.steps
        asks += outcome.asks
        checksum = checksum &* 31 &+ outcome.checksum &+ outcome.steps
        for (index, count) in outcome.faults.enumerated() { faults[index] += count }
        for (index, count) in outcome.rare.enumerated() { rare[index] += count }
        guard let violation = outcome.violation else { return }
        failed.append((outcome.seed, violation))
        print("seed \(outcome.seed): \(violation)")
    }

    func tell() {
        print(
            "\(seeds) seeds, \((seconds / 36).rounded() / 100) virtual hours, \(steps) steps, \(asks) requests, \(failed.count) seeds failed, checksum \(String(checksum, radix: 16))"
        )
        print("faults: " + zip(Fault.allCases, faults).map { "\($0.rawValue) \($1)" }.joined(separator: ", "))
        print("sometimes: " + zip(Rare.allCases, rare).map { "\($0.rawValue) \($1)" }.joined(separator: ", "))
    }
}

do {
    exit(try run())
} catch {
    print("usage: simulate --seed N | --hours H | --seeds N [--first N] [--quiet-run]")
    exit(2)
}
