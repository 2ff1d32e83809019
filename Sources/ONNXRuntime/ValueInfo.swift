/// An input or output of a session.
public struct ValueInfo: Hashable, Sendable {
    /// Its name, by which it is bound.
    public let name: String
    /// What tensor it is.
    public let type: TensorType

    /// A value with these parts.
    public init(name: String, type: TensorType) {
        self.name = name
        self.type = type
    }
}
