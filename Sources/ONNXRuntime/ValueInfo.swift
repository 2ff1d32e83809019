/// An input or output of a session.
package struct ValueInfo: Hashable, Sendable {
    /// Its name, by which it is bound.
    package let name: String
    /// What tensor it is.
    package let type: TensorType

    /// A value with these parts.
    package init(name: String, type: TensorType) {
        self.name = name
        self.type = type
    }
}
