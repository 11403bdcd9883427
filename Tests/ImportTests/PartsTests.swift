import Testing

@testable import Import

@Suite struct PartsTests {
    @Test(arguments: [("30s", 30.0), ("1h30m", 5400), ("500ms", 0.5), ("0s", 0), ("15", 15), ("1.5m", 90)])
    func durationsOfGo(_ text: String, _ seconds: Double) { #expect(GoText.seconds(text) == seconds) }

    @Test(arguments: ["", "s", "10x", "1h-3m", "nan", "inf", "soon"])
    func whatIsNoDuration(_ text: String) { #expect(GoText.seconds(text) == nil) }

    @Test(arguments: [("100MB", 104_857_600.0), ("1 GiB", 1_073_741_824), ("512kb", 524_288), ("7", 7)])
    func sizesOfGo(_ text: String, _ bytes: Double) { #expect(GoText.bytes(text) == bytes) }

    @Test(arguments: ["", "MB", "1TB", "-5MB"])
    func whatIsNoSize(_ text: String) { #expect(GoText.bytes(text) == nil) }

    @Test(arguments: [
        ("os.environ/A", KeyText.variable("A")), ("${A}", .variable("A")), ("${env.A}", .variable("A")),
        ("$A", .variable("A")),
        ("env:A", .variable("A")), ("sk-1", .secret("sk-1")), ("os.environ/A-B", .secret("os.environ/A-B")),
        ("none", .filler),
    ])
    func keysAreVariablesOrSecrets(_ text: String, _ key: KeyText) { #expect(KeyText(text) == key) }

    @Test func aCommandIsShownWithoutItsSecrets() {
        let command = CommandText(
            """
            # starts it
            HF_TOKEN=hf_1 llama-server --port 9 \\
              --api-key "k 1" --hf-token t --token='a b' sh -c "x --api-key y" --api-key-file /keys --override-kv tokenizer.ggml.eos_token_id=int:2 --password=p
            """)

        #expect(
            command.words.joined(separator: " ")
                == "HF_TOKEN=*** llama-server --port 9 --api-key *** --hf-token *** --token=*** sh -c \"x --api-key *** --api-key-file /keys --override-kv "
                + "tokenizer.ggml.eos_token_id=int:2 --password=***")
        #expect(command.key == "k")
    }

    @Test(arguments: [
        ("/opt/llama.cpp/llama-server -m x", "llamacpp"), ("python -m vllm.entrypoints.openai.api_server", "vllm"),
        ("docker run vllm/vllm-openai:latest", "vllm"), ("python -m sglang.launch_server", "sglang"),
        ("ollama serve", "ollama"),
    ])
    func aCommandShowsWhichServerItStarts(_ text: String, _ type: String) { #expect(CommandText(text).type == type) }

    @Test func aKeyInQuotesIsTheKey() { #expect(CommandText("llama-server --api-key 'k'").key == "k") }

    @Test func anUnknownCommandShowsNone() { #expect(CommandText("./serve --model x").type == nil) }

    @Test func longCommentsAreBrokenBetweenWords() {
        let lines = DraftText.comment(Array(repeating: "word", count: 60).joined(separator: " "))

        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.hasPrefix("# ") && $0.utf8.count <= 130 })
    }
}
