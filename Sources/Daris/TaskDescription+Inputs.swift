import ONNXRuntime

/// Inputs, checked against what the model takes.
extension TaskDescription {
    /// The bytes of inputs in the model's order.
    func bytes(of inputs: [Tensor]) throws(InferenceError) -> [[UInt8]] {
        guard inputs.count == signature.inputs.count else {
            throw .wrongInputs(task: name, expected: signature.inputs, found: "\(inputs.count)")
        }
        for (input, expected) in zip(inputs, signature.inputs) where !input.fits(expected) {
            throw .wrongInput(task: name, expected: expected, found: input.summary)
        }
        return inputs.map(\.bytes)
    }

    /// The bytes of inputs by name, in the model's order.
    func bytes(of inputs: [String: Tensor]) throws(InferenceError) -> [[UInt8]] {
        let ordered = signature.inputs.compactMap { inputs[$0.name] }
        guard ordered.count == signature.inputs.count, inputs.count == ordered.count else {
            let names = inputs.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw .wrongInputs(task: name, expected: signature.inputs, found: names.isEmpty ? "none" : names)
        }
        return try bytes(of: ordered)
    }

    /// What a job gives, of the bytes of its outputs.
    func tensors(of outputs: [[UInt8]]) -> [Tensor] {
        zip(signature.outputs, outputs).map { description, bytes in
            Tensor(bytes: bytes, elementType: description.elementType, shape: description.shape)
        }
    }
}

extension Tensor {
    /// How many elements the bytes are; `nil` if they break off within one.
    private var count: Int? {
        guard let size = ONNXRuntime.ElementType(rawValue: elementType.rawValue)?.byteSize else {
            return EncodedStrings.count(bytes)
        }
        return bytes.count % size == 0 ? bytes.count / size : nil
    }

    fileprivate func fits(_ expected: TensorDescription) -> Bool {
        elementType == expected.elementType && shape == expected.shape && count == expected.shape.reduce(1, *)
    }

    /// Type and shape, and the number of elements where it is not the shape's.
    fileprivate var summary: String {
        let type = "\(elementType) \(shape)"
        guard let count else { return type + ", whose bytes break off within an element" }
        // A shape from elsewhere may be of any extents.
        let isWhole =
            shape.allSatisfy { $0 >= 0 }
            && shape.reduce(into: (1, false)) { product, extent in
                let (value, overflows) = product.0.multipliedReportingOverflow(by: extent)
                product = (value, product.1 || overflows)
            } == (count, false)
        return isWhole ? type : type + " of \(count) elements"
    }
}
