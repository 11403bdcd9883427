import JSON

/// A part of a message's content that OpenAI's API knows.
enum AnthropicPart {
    case text(String)
    /// A URL, perhaps a data URL.
    case image(String)

    /// Text alone as one string, which every chat template takes; with images as OpenAI's parts.
    static func content(_ parts: [AnthropicPart]) -> JSONValue {
        var texts: [String] = []
        for case .text(let text) in parts { texts.append(text) }
        if texts.count == parts.count { return .string(texts.joined(separator: "\n")) }
        return .array(
            parts.map { part in
                switch part {
                case .text(let text): ["type": "text", "text": .string(text)]
                case .image(let url): ["type": "image_url", "image_url": ["url": .string(url)]]
                }
            })
    }

    static func parts(
        of block: AnthropicField, _ type: String, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [AnthropicPart] {
        if try block["citations"]?["enabled"]?.bool() ?? false {
            warnings.add("citations were left out: no backend tells what its answer is taken from.")
        }
        switch type {
        case "text": return [.text(try block.required("text").string())]
        case "image": return [try image(try block.required("source"), &warnings)]
        case "document": return try document(block, &warnings)
        case "search_result": return [.text(try searchResult(block))]
        // Every tool is told to the model from the start, so finding one only needs its name.
        case "tool_reference": return [.text("Tool: " + (try block.required("tool_name").string()))]
        default: return [.text(AnthropicPlaceholder.block(ofType: type, &warnings))]
        }
    }

    private static func image(
        _ source: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> AnthropicPart {
        switch try source.type() {
        case "base64":
            let mediaType = try source.required("media_type").string()
            return .image("data:\(mediaType);base64," + (try source.required("data").string()))
        case "url": return .image(try source.required("url").string())
        case "file": return .text(AnthropicPlaceholder.file("An image", nil, &warnings))
        case let type: return .text(AnthropicPlaceholder.source("An image", type, &warnings))
        }
    }

    /// The title and the context stand before the text, each on a line of its own.
    private static func document(
        _ block: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [AnthropicPart] {
        var head = ""
        let title = try block["title"]?.string()
        if let title { head += "Document: \(title)\n" }
        if let context = try block["context"]?.string() { head += context + "\n" }
        let source = try block.required("source")
        switch try source.type() {
        case "text": return [.text(head + (try source.required("data").string()))]
        case "content":
            var parts: [AnthropicPart] = head.isEmpty ? [] : [.text(String(head.dropLast()))]
            for item in try source.required("content").blocks() {
                let type = try item.type()
                parts += try Self.parts(of: item, type, &warnings)
            }
            return parts
        case "base64", "url": return [.text(AnthropicPlaceholder.pdf(title, &warnings))]
        case "file": return [.text(AnthropicPlaceholder.file("A document", title, &warnings))]
        case let type: return [.text(AnthropicPlaceholder.source("A document", type, &warnings))]
        }
    }

    private static func searchResult(_ block: AnthropicField) throws(ClientError) -> String {
        var lines = ["Search result: " + (try block.required("title").string())]
        lines.append("Source: " + (try block.required("source").string()))
        for item in try block.required("content").blocks() { lines.append(try item.required("text").string()) }
        return lines.joined(separator: "\n")
    }
}
