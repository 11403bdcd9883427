import Foundation
import JSON
import Synchronization
import Testing

@testable import Dialects

/// A file of `Golden/ollama`.
struct OllamaCase: CustomTestStringConvertible, Sendable {
    let name: String
    let value: JSONValue

    var testDescription: String { name }

    /// The cases of one folder, sorted by name.
    static func all(_ folder: String) -> [OllamaCase] {
        guard let root = Bundle.module.resourceURL?.appendingPathComponent("Golden/ollama/\(folder)"),
            let files = try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)
        else { return [] }
        return files.map(\.lastPathComponent).sorted().map { file in
            let data = try? Data(contentsOf: root.appendingPathComponent(file))
            let value = data.flatMap { try? JSONValue.parse([UInt8]($0)) }
            return OllamaCase(name: "\(folder)/\(file)", value: value ?? .null)
        }
    }

    /// A member that every case of its folder has.
    func member(_ name: String) throws -> JSONValue {
        try #require(value[name], "\(self.name) needs a member \"\(name)\"")
    }

    func string(_ name: String) throws -> String {
        try #require(member(name).string, "\(self.name): \"\(name)\" must be a string")
    }

    /// What becomes of `request` of the case, sent to `endpoint`.
    func outcome(request: JSONValue, clock: OllamaClock) throws -> OllamaOutcome {
        func call(
            _ translate: (JSONValue, String, String, String, OllamaClock) throws -> OllamaOutcome
        ) throws -> OllamaOutcome {
            try translate(request, "backend-model", "asked-model", "req1", clock)
        }
        let endpoint = try string("endpoint")
        switch endpoint {
        case "chat": return try call { try OllamaRequest.chat($0, model: $1, askedModel: $2, requestID: $3, clock: $4) }
        case "generate":
            return try call { try OllamaRequest.generate($0, model: $1, askedModel: $2, requestID: $3, clock: $4) }
        case "embed":
            return try call { try OllamaRequest.embed($0, model: $1, askedModel: $2, requestID: $3, clock: $4) }
        case "embeddings":
            return try call { try OllamaRequest.embeddings($0, model: $1, askedModel: $2, requestID: $3, clock: $4) }
        default: throw UnknownEndpoint(name: endpoint)
        }
    }

    /// The way back of the answer to a plain request to `endpoint`.
    func answer(clock: OllamaClock) throws -> any AnswerTranslation {
        let plain: JSONValue =
            switch try string("endpoint") {
            case "chat": ["messages": [["role": "user", "content": "Hi"]]]
            case "generate": ["prompt": "Hi"]
            default: ["input": value["inputs"] ?? "Hi", "prompt": "Hi"]
            }
        guard case .translated(let translation) = try outcome(request: plain, clock: clock) else {
            throw UnknownEndpoint(name: "answered")
        }
        return translation.answer
    }

    struct UnknownEndpoint: Error { let name: String }
}

extension OllamaClock {
    /// 2026-01-02T03:04:05Z, and each reading a millisecond after the one before.
    static func ticking() -> OllamaClock {
        let elapsed = Mutex<UInt64>(0)
        return OllamaClock(startedAt: 1_767_323_045) {
            elapsed.withLock { elapsed in
                elapsed += 1_000_000
                return elapsed
            }
        }
    }
}

extension JSONValue {
    /// With the members of all objects in the order of their names, which does not matter to a reader.
    var sorted: JSONValue {
        switch self {
        case .array(let items): .array(items.map(\.sorted))
        case .object(let object):
            .object(
                JSONObject(
                    object.members.map { (name: $0.name, value: $0.value.sorted) }.sorted { $0.name < $1.name }))
        default: self
        }
    }

    var text: String { String(decoding: sorted.bytes, as: UTF8.self) }
}
