import Core
import Testing

@testable import Dialects

@Suite struct ClientErrorTests {
    @Test func anErrorIsTheCallersFaultUnlessItSaysOtherwise() {
        #expect(ClientError(status: 400, message: "no").type == "invalid_request_error")
    }
}

@Suite struct SHA256Tests {
    /// The examples of FIPS 180-4, and lengths around a block's end.
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func itIsTheHashOfTheStandard(_ text: String, _ hash: String) { #expect(SHA256.hexadecimal(of: text) == hash) }

    @Test func itIsRightAtEachLengthAroundABlocksEnd() {
        // The hash of the hashes, joined, as another program has it.
        let all = [55, 56, 57, 63, 64, 65, 119, 120].map { SHA256.hexadecimal(of: String(repeating: "a", count: $0)) }
        #expect(
            SHA256.hexadecimal(of: all.joined()) == "745c4dcfd8087ca4e06c04da718aac1cba9c5a6c4069a8cf3db728117ef0d8d9")
    }
}
