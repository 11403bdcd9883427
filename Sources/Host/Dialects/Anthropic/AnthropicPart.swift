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
        case "image": return [.image(try imageURL(try block.required("source")))]
        case "document": return try document(block, &warnings)
        case "search_result": return [.text(try searchResult(block))]
        // Every tool is told to the model from the start, so finding one only needs its name.
        case "tool_reference": return [.text("Tool: " + (try block.required("tool_name").string()))]
        default: throw block.refused("a block of type \(type) is not supported here.")
        }
    }

    private static func imageURL(_ source: AnthropicField) throws(ClientError) -> String {
        switch try source.type() {
        case "base64":
            let mediaType = try source.required("media_type").string()
            return "data:\(mediaType);base64," + (try source.required("data").string())
        case "url": return try source.required("url").string()
        case "file": throw source.refused("there is no Files API here; send the image as base64 or as a URL.")
        default: throw source.refused("the type must be base64 or url.")
        }
    }

    /// The title and the context stand before the text, each on a line of its own.
    private static func document(
        _ block: AnthropicField, _ warnings: inout AnthropicWarnings
    ) throws(ClientError) -> [AnthropicPart] {
        var head = ""
        if let title = try block["title"]?.string() { head += "Document: \(title)\n" }
        if let context = try block["context"]?.string() { head += context + "\n" }
        let source = try block.required("source")
        switch try source.type() {
        case "text": return [.text(head + (try source.required("data").string()))]
        case "content":
            var parts: [AnthropicPart] = head.isEmpty ? [] : [.text(String(head.dropLast()))]
            for item in try source.required("content").blocks() {
                let type = try item.type()
                guard type == "text" || type == "image" else { throw item.refused("must be text or an image.") }
                parts += try Self.parts(of: item, type, &warnings)
            }
            return parts
        case "base64", "url": throw source.refused("PDF documents are not supported; send their text, or images.")
        case "file": throw source.refused("there is no Files API here; send the document's text.")
        default: throw source.refused("the type must be text or content.")
        }
    }

    private static func searchResult(_ block: AnthropicField) throws(ClientError) -> String {
        var lines = ["Search result: " + (try block.required("title").string())]
        lines.append("Source: " + (try block.required("source").string()))
        for item in try block.required("content").blocks() { lines.append(try item.required("text").string()) }
        return lines.joined(separator: "\n")
    }
}
