import ArgumentParser
import Glibc
import JSON
import Terminal

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Models that the running gateway serves.")
    @OptionGroup var host: HostOptions

    func run() throws {
        let (status, body) = try host.get("/v1/models")
        let value = try host.parsed(body)
        guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
        if host.json { return print(String(decoding: body, as: UTF8.self)) }
        let models = value["data"]?.array ?? []
        if models.isEmpty { return print("No models: no backend is healthy, or none has a model.") }
        print(
            TextTable.render(
                ["MODEL", "BACKENDS", "CONTEXT", "CAPABILITIES"],
                models.map { model in
                    let abilities =
                        model["capabilities"]?.object?.members.filter { $0.value.bool == true }.map(\.name) ?? []
                    let context = model["context_length"]?.int ?? 0
                    let backends = model["backends"]?.array?.compactMap(\.string) ?? []
                    return [
                        model["id"]?.string ?? "", backends.joined(separator: ","), context > 0 ? "\(context)" : "-",
                        abilities.isEmpty ? "-" : abilities.joined(separator: ","),
                    ]
                }))
    }
}

struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "How the running gateway is.",
        discussion: "Ends with status 0 while some backend can serve, with 1 if none can or nothing answers.")
    @OptionGroup var host: HostOptions
    @Flag(help: "Ask whether requests are welcome (/readyz): not so while it shuts down, either.") var ready = false

    func run() throws {
        if ready { return try askReadiness() }
        let (code, body) = try host.get("/health")
        let value = try host.parsed(body)
        guard let status = value["status"]?.string, value["backends"]?["total"] != nil else {
            throw fail(
                "\(try host.place()) answers with status \(code), and not as a nexus does; is its address right? (--url)"
            )
        }
        if host.json {
            print(String(decoding: body, as: UTF8.self))
        } else {
            let backends = value["backends"]
            print(
                "\(status): \(backends?["healthy"]?.int ?? 0) of \(backends?["total"]?.int ?? 0) backends healthy, "
                    + "\(Counted.words(value["models"]?["total"]?.int ?? 0, "model")), up \(value["uptime_seconds"]?.int ?? 0) s, "
                    + "version \(value["version"]?.string ?? "?")")
            for trouble in value["trouble"]?.array ?? [] {
                let severity = trouble["severity"]?.string ?? "trouble"
                print(CellText.clean("\(severity): \(trouble["words"]?.string ?? "?")"))
            }
        }
        if status != "healthy" && status != "degraded" { throw ExitCode(1) }
    }

    private func askReadiness() throws {
        let (status, body) = try host.get("/readyz")
        let value = try host.parsed(body)
        if host.json {
            print(String(decoding: body, as: UTF8.self))
        } else {
            print(status == 200 ? "ready" : "not ready: \(value["reason"]?.string ?? "status \(status)")")
        }
        if status != 200 { throw ExitCode(1) }
    }
}
