import ABIRules
import AdapterHost
import Core
import JSON
import PluginAPI

extension Check {
    /// Symbols that linkers define in every shared object.
    private static let linkers: Set = ["_init", "_fini", "_edata", "_end", "__bss_start"]

    static let loading: [Check] = [
        Check(
            "load.elf", "an ELF shared object for this machine, in a file that others cannot change", isEssential: true
        ) { bench in
            let copy: PrivateCopy
            do { copy = try PrivateCopy(path: bench.subject.plan.path) } catch {
                throw CheckStop.failed("the file \(error)")
            }
            do { _ = try ELFImage(copy.bytes).exportedSymbols() } catch {
                throw CheckStop.failed("the file is no such object: \(error)")
            }
            return "\(copy.bytes.count) bytes, SHA-256 \(copy.hash.text)"
        },
        Check("load.only-entry-exported", "exports nexus_adapter_v1 and nothing else") { bench in
            let bytes = try? PrivateCopy(path: bench.subject.plan.path).bytes
            guard let symbols = try? bytes.flatMap({ try ELFImage($0).exportedSymbols() }) else {
                throw CheckStop.skipped("the file has no table of symbols")
            }
            try require(symbols.contains(NEXUS_ENTRY_SYMBOL), "nexus_adapter_v1 is not exported")
            let others = symbols.filter { $0 != NEXUS_ENTRY_SYMBOL && !linkers.contains($0) }
            try require(
                others.isEmpty,
                "\(others.prefix(3).joined(separator: ", ")) \(others.count > 3 ? "and \(others.count - 3) more " : "")"
                    + "exported too; compile with -fvisibility=hidden or link with an export list")
            return "it does"
        },
        Check("load.entry", "can be linked, and its entry returns a table", isEssential: true) { bench in
            switch bench.subject.loading.result {
            case .failure(.badTable), .failure(.wrongVersion), .success: return "it does"
            case .failure(let problem): throw CheckStop.failed("the file \(problem)")
            }
        },
        Check(
            "load.table", "the table has this ABI's version, its size, and every required function", isEssential: true
        ) { bench in
            let image: AdapterImage
            switch bench.subject.loading.result {
            case .success(let loaded): image = loaded
            case .failure(let problem): throw CheckStop.failed("the adapter \(problem)")
            }
            return "ABI \(image.abiMajor).\(image.abiMinor), \(image.functions.table.pointee.struct_size) bytes"
        },
        Check(
            "load.newer-host", "a host of a later minor version, with a larger table, is accepted",
            needsOwnProcess: true
        ) { bench in
            do throws(LoadProblem) {
                let plan = bench.subject.plan
                _ = try AdapterImage(path: plan.path, holding: plan.hash, host: ScriptedHost.newerTable)
                return "it is"
            } catch {
                throw CheckStop.failed("the file \(error)")
            }
        },
        Check("load.entry-returns-soon", "linking and the entry take no longer than 1 s") { bench in
            let milliseconds = bench.subject.loading.milliseconds
            try require(milliseconds <= 1000, "it took \(milliseconds) ms")
            return "\(milliseconds) ms"
        },
        Check("load.no-output", "nothing is printed while it is loaded") { bench in
            if let output = bench.subject.loading.output {
                throw CheckStop.failed("it printed \(Answer.excerpt(Array(output.utf8)))")
            }
            return "nothing"
        },
        Check("load.no-threads", "no thread is started before create") { bench in
            let loading = bench.subject.loading
            try require(
                loading.threadsAfter <= loading.threadsBefore,
                "\(loading.threadsAfter - loading.threadsBefore) more threads after loading")
            return "none"
        },
        Check(
            "load.process-untouched",
            "loading changes no signal handler, locale, directory, umask, environment or stream"
        ) { bench in
            try requireNone(bench.subject.loading.difference)
            return "nothing changed"
        },
        Check("load.texts", "type, display name and version are UTF-8, not empty, within the limits") { bench in
            let table = try bench.subject.image().functions.table.pointee
            for (name, text, limit) in [
                ("type", table.type, ABILimits.type), ("display_name", table.display_name, ABILimits.name),
                ("version", table.version, ABILimits.name),
                ("options_schema", table.options_schema, ABILimits.schema),
            ] {
                guard let bytes = Text.copy(text) else { throw CheckStop.failed("\(name) has a length without data") }
                try requireNone(TextRules.problem(bytes, name, limit: limit))
                try require(!bytes.isEmpty || name == "options_schema", "\(name) is empty")
            }
            return "\(try bench.subject.image().displayName) \(try bench.subject.image().version)"
        },
        Check("load.kinds", "kinds holds known bits only") { bench in
            let kinds = try bench.subject.image().kinds
            let known = RequestKind.allCases.reduce(0) { $0 | $1.bit }
            try require(kinds & ~known == 0, "kinds has the unknown bits \(String(kinds & ~known, radix: 16))")
            return try bench.kinds().map(\.name).joined(separator: ", ")
        },
        Check("load.schema", "options_schema is a JSON Schema of an object, and its defaults are valid") { bench in
            let text = try bench.subject.image().optionsSchema
            if text.isEmpty { return "no options are taken" }
            return try SchemaCheck.check(text)
        },
        Check("load.default-urls", "every default URL is http(s)://host[:port][/path]") { bench in
            let urls = try bench.subject.image().defaultURLs
            for url in urls {
                do throws(BackendURL.Malformed) { _ = try BackendURL(url) } catch {
                    throw CheckStop.failed("\"\(url)\": \(error)")
                }
            }
            return urls.isEmpty ? "none" : urls.joined(separator: ", ")
        },
    ]
}
