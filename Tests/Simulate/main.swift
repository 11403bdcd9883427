// Runs the simulation: `simulate --seed N` replays one run and prints what happens; `simulate --hours H` runs seed after seed until
// so much virtual time is through, `simulate --seeds N` that many, from `--first N` on, on `--threads N` threads. `--planted FAULT`
// runs seeds until the oracle finds it.
import Glibc
import Simulation

private struct Usage: Error {}

private struct Options {
    var seed: UInt64?
    var hours: Double?
    var seeds: UInt64 = 2000
    var first: UInt64 = 1
    var threads: UInt64 = 2
    /// A fault of the gateway that is to be found.
    var planted: PlantedFault?
    /// Nothing goes wrong but for the gateway.
    var isFaultless = false

    init(_ arguments: [String]) throws(Usage) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--faultless" {
                isFaultless = true
                continue
            }
            guard let text = rest.popFirst() else { throw Usage() }
            if name == "--hours" {
                guard let number = Double(text) else { throw Usage() }
                hours = number
                continue
            }
            if name == "--planted" {
                guard let fault = PlantedFault(rawValue: text) else { throw Usage() }
                planted = fault
                continue
            }
            guard let number = UInt64(text) else { throw Usage() }
            switch name {
            case "--seed": seed = number
            case "--seeds": seeds = number
            case "--first": first = number
            case "--threads": threads = number
            default: throw Usage()
            }
        }
    }
}

private func run() throws(Usage) -> Int32 {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    let faults: [Fault] = options.isFaultless ? [] : options.planted?.faults ?? Fault.allCases
    if let seed = options.seed {
        let outcome = Simulation.run(seed: seed, faults: faults, planted: options.planted, prints: true)
        print(
            "seed \(seed): \(outcome.violation ?? "all rules held"), \(outcome.steps) steps, checksum \(String(outcome.checksum, radix: 16))"
        )
        return outcome.violation == nil ? 0 : 1
    }
    if let planted = options.planted {
        for seed in options.first..<(options.first + min(options.seeds, 400)) {
            guard let violation = Simulation.run(seed: seed, faults: faults, planted: planted).violation else {
                continue
            }
            print("seed \(seed): \(violation)")
            return 0
        }
        print("\(planted) was not found")
        return 1
    }
    let (hours, seeds) = (options.hours, options.seeds)
    let batch = Batch.run(from: options.first, faults: faults, threads: Int(clamping: options.threads)) { sofar in
        hours.map { sofar.virtualSeconds < $0 * 3600 } ?? (sofar.seeds < seeds)
    } tell: { outcome in
        guard let violation = outcome.violation else { return }
        print("seed \(outcome.seed): \(violation)")
        fflush(nil)
    }
    let time = (batch.virtualSeconds / 36).rounded() / 100
    print(
        "\(batch.seeds) seeds, \(time) virtual hours, \(batch.steps) steps, \(batch.asks) requests, \(batch.failed.count) seeds failed, checksum \(String(batch.checksum, radix: 16))"
    )
    print("faults: " + zip(Fault.allCases, batch.faults).map { "\($0.rawValue) \($1)" }.joined(separator: ", "))
    print("sometimes: " + zip(Rare.allCases, batch.rare).map { "\($0.rawValue) \($1)" }.joined(separator: ", "))
    return batch.failed.isEmpty ? 0 : 1
}

/// Runs the study of the strategies, and prints its figures.
private func study(_ arguments: [String]) -> Int32 {
    let isQuick = arguments.contains("--quick")
    // What the tests run, or all.
    let rows = Study.run(isQuick ? StudyScenario.few : StudyScenario.all, seeds: isQuick ? 1...2 : nil, threads: 2) {
        row in
        print(
            "\(row.scenario.title): \(row.strategy.rawValue): mean \(row.mean), p50 \(row.median), p99 \(row.p99), retries \(row.retries), loads \(row.loads), failed \(row.failed) of \(row.answered), displaced \(row.displaced)"
        )
        fflush(nil)
    }
    for verdict in Study.verdicts(rows) {
        print(
            "\(verdict.scenario.title): smart is worse than the best other by: mean \(verdict.mean) % (\(verdict.bestMean)), p50 \(verdict.median) % (\(verdict.bestMedian)), p99 \(verdict.p99) % (\(verdict.bestP99))"
        )
    }
    guard let place = arguments.firstIndex(of: "--into"), place + 1 < arguments.count else { return 0 }
    do {
        try StudyReport.write(rows, into: arguments[place + 1])
        return 0
    } catch {
        print(error.message)
        return 1
    }
}

do {
    if CommandLine.arguments.dropFirst().first == "study" { exit(study(Array(CommandLine.arguments.dropFirst(2)))) }
    exit(try run())
} catch {
    print(
        "usage: simulate --seed N | --hours H | --seeds N   [--first N] [--threads N] [--faultless] [--planted FAULT]")
    exit(2)
}
