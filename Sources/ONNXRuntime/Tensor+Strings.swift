import CONNXRuntime

extension Tensor {
    /// A tensor of strings in memory of its own.
    ///
    /// ```swift
    /// let words = try Tensor(library: library, strings: EncodedStrings.encode(["one".utf8, "two".utf8]), shape: [2])
    /// ```
    ///
    /// - Parameter strings: The elements in row-major order, in the form of ``EncodedStrings``.
    package convenience init(
        library: ONNXRuntimeLibrary, strings: [UInt8], shape: [Int]
    ) throws(ONNXRuntimeError) {
        try self.init(library: library, elementType: .string, shape: shape)
        try setStrings(strings)
    }

    /// Replaces all elements. The memory of each string grows to its longest value and is kept.
    ///
    /// - Parameter strings: One string for each element, in row-major order, in the form of ``EncodedStrings``.
    /// - Throws: ``ONNXRuntimeError/invalidTensor(shape:elementType:reason:)`` if they are not, and replaces nothing.
    /// - Precondition: The elements are strings.
    package func setStrings(_ strings: [UInt8]) throws(ONNXRuntimeError) {
        precondition(elementType == .string, "a tensor of \(elementType) has no strings")
        guard EncodedStrings.count(strings) == elementCount else {
            throw .invalidTensor(
                shape: shape, elementType: elementType,
                reason: "the bytes are not \(elementCount) strings, each with its length before it")
        }
        // No closure: typed errors do not pass through `withUnsafeBytes` of an array.
        let result: Result<Void, ONNXRuntimeError> = strings.withUnsafeBytes { source in
            Result { () throws(ONNXRuntimeError) in try copyStrings(from: source) }
        }
        try result.get()
    }

    private func copyStrings(from source: UnsafeRawBufferPointer) throws(ONNXRuntimeError) {
        let api = handle.api
        var index = 0
        _ = try EncodedStrings.forEach(in: source) { string throws(ONNXRuntimeError) in
            var place: UnsafeMutablePointer<CChar>?
            try api.check(
                daris_ort_resize_string(api.table, handle.pointer, index, string.count, &place),
                "GetResizedStringTensorElementBuffer", "a tensor of shape \(shape)")
            if let place, let start = string.baseAddress, !string.isEmpty {
                UnsafeMutableRawPointer(place).copyMemory(from: start, byteCount: string.count)
            }
            index += 1
        }
    }

    /// Makes every string empty; its memory is kept.
    ///
    /// - Precondition: The elements are strings.
    func emptyStrings() throws(ONNXRuntimeError) {
        precondition(elementType == .string, "a tensor of \(elementType) has no strings")
        let api = handle.api
        var place: UnsafeMutablePointer<CChar>?
        for index in 0..<elementCount {
            try api.check(
                daris_ort_resize_string(api.table, handle.pointer, index, 0, &place),
                "GetResizedStringTensorElementBuffer", "a tensor of shape \(shape)")
        }
    }

    /// A copy of the elements in row-major order, in the form of ``EncodedStrings``.
    ///
    /// - Precondition: The elements are strings.
    package func encodedStrings() throws(ONNXRuntimeError) -> [UInt8] {
        precondition(elementType == .string, "a tensor of \(elementType) has no strings")
        let api = handle.api
        let subject = "a tensor of shape \(shape)"
        let count = elementCount
        var length = 0
        try api.check(
            daris_ort_get_strings_length(api.table, handle.pointer, &length), "GetStringTensorDataLength", subject)
        var starts = [Int](repeating: 0, count: count + 1)
        starts[count] = length
        var status: OpaquePointer?
        var longest = 0
        let lengths = EncodedStrings.lengthBytes * count
        let encoded = [UInt8](unsafeUninitializedCapacity: lengths + length) { bytes, initialised in
            guard let base = UnsafeMutableRawPointer(bytes.baseAddress) else { return }
            // ONNX Runtime writes the strings, without lengths, to the end of the buffer. Each then moves forward to
            // its place behind its length.
            let strings = base + lengths
            status = daris_ort_get_strings(api.table, handle.pointer, strings, length, &starts, count)
            guard status == nil else { return }
            for index in 0..<count {
                let size = starts[index + 1] - starts[index]
                let place = base + EncodedStrings.lengthBytes * index + starts[index]
                place.storeBytes(of: UInt32(truncatingIfNeeded: size).littleEndian, as: UInt32.self)
                (place + EncodedStrings.lengthBytes).copyMemory(from: strings + starts[index], byteCount: size)
                longest = max(longest, size)
            }
            initialised = lengths + length
        }
        try api.check(status, "GetStringTensorContent", subject)
        guard longest <= UInt32.max else {
            throw .invalidTensor(shape: shape, elementType: elementType, reason: "a string of it is longer than 4 GiB")
        }
        return encoded
    }

    /// A value of empty strings that ONNX Runtime holds.
    static func makeStrings(library: ONNXRuntimeLibrary, shape: [Int]) throws(ONNXRuntimeError) -> Handle {
        let api = library.api
        let dimensions = shape.map(Int64.init)
        return try api.make(
            "CreateTensorAsOrtValue", for: "a tensor of strings of shape \(shape)", release: daris_ort_release_value
        ) {
            daris_ort_create_owned_tensor(
                api.table, library.allocator, dimensions, dimensions.count, ElementType.string.rawValue, &$0)
        }
    }
}
