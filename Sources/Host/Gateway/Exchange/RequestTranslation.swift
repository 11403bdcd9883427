import Dialects
import JSON
import NIOCore

/// Puts a request of another API into OpenAI's words.
enum RequestTranslation {
    static func form(of request: ClientRequest, requestID: String) -> RequestForms.Form {
        .refused(ClientError(status: 501, message: "not there yet"))
    }

    static func resolve(_ name: String, known: (String) -> Bool) -> String { name }
}
