// One gateway, one client, one server, on one thread, without a socket and with a clock that stands still: what is counted here is
// the same in every run. Prints the allocations of one piece of work; benchmarks/cost.py has its instructions counted too.
import Glibc

private func run() throws -> Int32 {
    let arguments = CommandLine.arguments.dropFirst()
    let numbers = arguments.dropFirst().compactMap { Int($0) }
    let line = try CostLine()
    switch (arguments.first, numbers.count) {
    case ("unary", 1): print(try line.count { try line.unary(numbers[0]) })
    case ("stream", 2): print(try line.count { try line.streams(numbers[0], events: numbers[1]) })
    default:
        print("usage: cost unary REQUESTS | cost stream STREAMS EVENTS")
        return 2
    }
    return 0
}

do {
    exit(try run())
} catch {
    print("the run does not go as it should: \(error)")
    exit(1)
}
