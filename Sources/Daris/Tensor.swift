/// The value of an input or output: a shape and its elements, row-major.
///
/// ```swift
/// let image = Tensor(pixels, shape: [1, 3, 224, 224])  // of [Float]
/// let scores = try outputs[0].values(as: Float.self)
/// ```
public struct Tensor: Hashable, Sendable {
    /// What the elements are.
    public let elementType: ElementType
    /// The extents; empty for a single element.
    public let shape: [Int]
    /// The elements, little-endian, one after the other. A string has its length before it, in 4 bytes.
    public let bytes: [UInt8]

    /// A tensor of numbers, truth values or strings.
    ///
    /// - Parameter shape: the extents; one dimension if `nil`. Whether they multiply to the number of values is checked where
    ///   the tensor is used.
    public init<Element: TensorElement>(_ values: [Element], shape: [Int]? = nil) {
        self.init(bytes: Element.bytes(of: values), elementType: Element.elementType, shape: shape ?? [values.count])
    }

    /// A tensor of bytes that come from elsewhere.
    public init(bytes: [UInt8], elementType: ElementType, shape: [Int]) {
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
    }

    /// The elements.
    ///
    /// - Throws: `TensorError` if they are of another type.
    public func values<Element: TensorElement>(as type: Element.Type) throws(TensorError) -> [Element] {
        guard Element.elementType == elementType else {
            throw .elementType(elementType, requested: Element.elementType)
        }
        guard let values = Element.values(in: bytes) else { throw .truncated(elementType, byteCount: bytes.count) }
        return values
    }
}

/// Why a tensor has no such elements.
public enum TensorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Its elements are of another type.
    case elementType(ElementType, requested: ElementType)
    /// Its bytes break off within an element.
    case truncated(ElementType, byteCount: Int)

    /// What is wrong, in one sentence.
    public var description: String {
        switch self {
        case .elementType(let found, let requested): "the tensor's elements are \(found), not \(requested)"
        case .truncated(let type, let count): "\(count) bytes break off within an element of \(type)"
        }
    }
}
