import CONNXRuntime

/// A dense array of elements for a model to read or write.
///
/// ```swift
/// let image = try Tensor(library: library, elementType: .float32, shape: [1, 3, 224, 224])
/// image.withUnsafeMutableBytes { $0.copyBytes(from: pixels) }
/// ```
///
/// The shape, the element type and the address never change, so a tensor may be passed between threads. Its elements
/// are plain memory, as behind a pointer: a caller that writes them must exclude other accesses, those of a running
/// session included. That is why the conformance to `Sendable` is unchecked.
///
/// Strings have no fixed size and are not plain memory: see ``setStrings(_:)`` and ``encodedStrings()``.
package final class Tensor: @unchecked Sendable {
    /// The type of the elements.
    package let elementType: ElementType
    /// The extent of each dimension; empty for a single element.
    package let shape: [Int]
    /// The size of the elements in bytes; 0 for strings, which ONNX Runtime keeps apart from each other.
    package let byteCount: Int
    /// The memory that holds the elements.
    package let memory: MemoryInfo
    /// The address of the first element, on the device if ``memory`` is not host-accessible. For strings only ONNX
    /// Runtime can use it.
    package let address: UnsafeMutableRawPointer
    let handle: Handle

    /// A tensor of zeros, or of empty strings, in host memory of its own.
    package convenience init(
        library: ONNXRuntimeLibrary, elementType: ElementType, shape: [Int]
    ) throws(ONNXRuntimeError) {
        guard elementType != .string else {
            let strings = try Self.makeStrings(library: library, shape: shape)
            try self.init(taking: strings, in: library.hostMemory, name: "a tensor of strings")
            return
        }
        let byteCount = try Self.byteCount(elementType: elementType, shape: shape)
        guard let buffer = AlignedBuffer(byteCount: byteCount) else {
            throw .invalidTensor(
                shape: shape, elementType: elementType, reason: "\(byteCount) bytes of memory are not available")
        }
        try self.init(
            elementType: elementType, shape: shape, address: buffer.start, byteCount: byteCount,
            memory: library.hostMemory, keeping: [buffer])
    }

    /// A tensor in host memory of its own with these elements, in row-major order.
    package convenience init<Element: TensorElement>(
        library: ONNXRuntimeLibrary, _ elements: [Element], shape: [Int]
    ) throws(ONNXRuntimeError) {
        try self.init(library: library, elementType: Element.elementType, shape: shape)
        let found = elements.count * MemoryLayout<Element>.stride
        guard found == byteCount else {
            throw .wrongSize(shape: shape, elementType: elementType, expectedBytes: byteCount, foundBytes: found)
        }
        elements.withUnsafeBytes { source in
            withUnsafeMutableBytes { $0.copyMemory(from: source) }
        }
    }

    /// A tensor over memory that the caller owns.
    ///
    /// - Parameters:
    ///   - elementType: The type of the elements.
    ///   - shape: The extent of each dimension.
    ///   - bytes: The elements. They must stay in place until the tensor and its bindings are released.
    ///   - memory: The memory that holds `bytes`, such as ``ONNXRuntimeLibrary/hostMemory``.
    ///   - owner: Kept alive as long as the tensor, if given.
    package convenience init(
        elementType: ElementType, shape: [Int], over bytes: UnsafeMutableRawBufferPointer, in memory: MemoryInfo,
        keeping owner: (any AnyObject & Sendable)? = nil
    ) throws(ONNXRuntimeError) {
        let byteCount = try Self.byteCount(elementType: elementType, shape: shape)
        guard bytes.count == byteCount, let address = bytes.baseAddress else {
            throw .wrongSize(
                shape: shape, elementType: elementType, expectedBytes: byteCount, foundBytes: bytes.count)
        }
        try self.init(
            elementType: elementType, shape: shape, address: address, byteCount: byteCount, memory: memory,
            keeping: owner.map { [$0] } ?? [])
    }

    private init(
        elementType: ElementType, shape: [Int], address: UnsafeMutableRawPointer, byteCount: Int, memory: MemoryInfo,
        keeping owners: [any AnyObject & Sendable]
    ) throws(ONNXRuntimeError) {
        self.elementType = elementType
        self.shape = shape
        self.byteCount = byteCount
        self.memory = memory
        self.address = address
        let api = memory.handle.api
        let dimensions = shape.map(Int64.init)
        handle = try api.make(
            "CreateTensorWithDataAsOrtValue", for: "a tensor of shape \(shape)", release: daris_ort_release_value,
            keeping: owners + [memory]
        ) {
            daris_ort_create_tensor(
                api.table, memory.handle.pointer, address, byteCount, dimensions, dimensions.count,
                elementType.rawValue, &$0)
        }
    }

    /// Takes over a value that ONNX Runtime made.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - memory: The memory that was requested for it.
    ///   - name: The output's name, for a message.
    init(taking value: consuming Handle, in memory: MemoryInfo, name: String) throws(ONNXRuntimeError) {
        let api = value.api
        var isTensor: Int32 = 0
        try api.check(daris_ort_is_tensor(api.table, value.pointer, &isTensor), "IsTensor", "'\(name)'")
        guard isTensor != 0 else {
            throw .unsupportedValue(name: name, subject: "a run", reason: "it is not a tensor")
        }
        let info = try api.make("GetTensorTypeAndShape", for: "'\(name)'", release: daris_ort_release_tensor_info) {
            daris_ort_get_value_tensor_info(api.table, value.pointer, &$0)
        }
        let type = try TensorType(reading: info.pointer, api: api, name: name, subject: "a run")
        elementType = type.elementType
        shape = type.dimensions.map(\.extent)
        byteCount = elementType == .string ? 0 : try Self.byteCount(elementType: elementType, shape: shape)
        self.memory = memory
        var data: UnsafeMutableRawPointer?
        try api.check(daris_ort_get_tensor_data(api.table, value.pointer, &data), "GetTensorMutableData", "'\(name)'")
        // A tensor without elements may have no address; any address will do.
        address = data ?? UnsafeMutableRawPointer(api.table)
        handle = value
    }

    /// The number of elements.
    package var elementCount: Int { shape.reduce(1, *) }

    /// Calls `body` with the elements as bytes that may be changed.
    ///
    /// - Precondition: ``memory`` is host-accessible, and the elements are no strings.
    package func withUnsafeMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        requirePlainMemory()
        return try body(UnsafeMutableRawBufferPointer(start: address, count: byteCount))
    }

    /// Calls `body` with the elements as bytes.
    ///
    /// - Precondition: ``memory`` is host-accessible, and the elements are no strings.
    package func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        requirePlainMemory()
        return try body(UnsafeRawBufferPointer(start: address, count: byteCount))
    }

    private func requirePlainMemory() {
        precondition(memory.isHostAccessible, "the host cannot reach a tensor in \(memory.place)")
        precondition(elementType != .string, "strings are not plain memory")
    }

    /// A copy of the elements, in row-major order.
    ///
    /// - Precondition: The elements are of type `Element`, and ``memory`` is host-accessible.
    package func elements<Element: TensorElement>(as type: Element.Type = Element.self) -> [Element] {
        precondition(
            Element.elementType == elementType, "a tensor of \(elementType) has no elements of \(Element.self)")
        return withUnsafeBytes { Array($0.bindMemory(to: Element.self)) }
    }

    /// The size of a tensor in bytes.
    private static func byteCount(elementType: ElementType, shape: [Int]) throws(ONNXRuntimeError) -> Int {
        guard var count = elementType.byteSize else {
            throw .invalidTensor(shape: shape, elementType: elementType, reason: "strings have no fixed size")
        }
        for extent in shape {
            guard extent >= 0 else {
                throw .invalidTensor(shape: shape, elementType: elementType, reason: "an extent is negative")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow else {
                throw .invalidTensor(shape: shape, elementType: elementType, reason: "it would be too large")
            }
            count = product
        }
        return count
    }
}

extension Tensor {
    /// Takes over the values that a run made. If one of them cannot be used, all are released.
    ///
    /// - Parameters:
    ///   - values: The values, in the order of `names`.
    ///   - names: The outputs that they are.
    ///   - session: The session that made them. They keep it alive, since they may use its memory.
    ///   - memory: The memory of the value at an index.
    static func take(
        _ values: [OpaquePointer?], names: [String], from session: Session, memory: (Int) -> MemoryInfo
    ) throws(ONNXRuntimeError) -> [Tensor] {
        var tensors: [Tensor] = []
        var failure: ONNXRuntimeError?
        for (index, value) in values.enumerated() {
            let name = index < names.count ? names[index] : "output \(index)"
            guard let value else {
                failure = .unsupportedValue(name: name, subject: session.subject, reason: "the run gave no value")
                continue
            }
            let handle = Handle(
                value, api: session.handle.api, release: daris_ort_release_value, keeping: [session])
            do throws(ONNXRuntimeError) {
                tensors.append(try Tensor(taking: handle, in: memory(index), name: name))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return tensors
    }
}
