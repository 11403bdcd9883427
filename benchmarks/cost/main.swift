// One gateway, one client, one server, on one thread, without a socket and with a clock that stands still: what is counted here is
// the same in every run. Prints the allocations of one piece of work; benchmarks/cost.py has its instructions counted too.
import Glibc

private func run() throws -> Int32 {
    let arguments = CommandLine.arguments.dropFirst()
    let numbers = arguments.dropFirst().compactMap { Int($0) }
    switch (arguments.first, numbers.count) {
    case ("unary", 1):
        let line = try CostLine()
        print(try line.count { try line.unary(numbers[0]) })
    case ("stream", 2):
        let line = try CostLine()
        print(try line.count { try line.streams(numbers[0], events: numbers[1]) })
    case ("route", 3): print(RoutingLine(backends: numbers[0], models: numbers[1]).count(numbers[2]).blocks)
    case ("time-route", 3):
        let spent = RoutingLine(backends: numbers[0], models: numbers[1]).count(numbers[2]).nanoseconds
        print("\(spent / UInt64(max(1, numbers[2]))) ns a choice")
    default:
        print(
            "usage: cost unary REQUESTS | cost stream STREAMS EVENTS | cost route BACKENDS MODELS CHOICES"
                + " | cost time-route BACKENDS MODELS CHOICES")
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
