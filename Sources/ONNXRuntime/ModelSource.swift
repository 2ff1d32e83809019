/// Where a model is.
package enum ModelSource: Sendable {
    /// In a file. Weights beside it, if any, are found from its folder.
    case file(String)
    /// In memory; `name` is for messages.
    case bytes([UInt8], name: String)

    /// What to call the model in a message.
    package var description: String {
        switch self {
        case .file(let path): "the model '\(path)'"
        case .bytes(_, let name): "the model '\(name)'"
        }
    }
}
