import ONNXRuntime

/// What a model takes and gives, with every shape as it is at a task's batch size.
package struct ModelSignature: Hashable, Sendable {
    /// One input or output.
    package struct Tensor: Hashable, Sendable {
        /// Its name in the model's graph.
        package var name: String
        /// What its elements are.
        package var elementType: ElementType
        /// Its extents; empty for a single element.
        package var shape: [Int]

        /// An input or output.
        package init(name: String, elementType: ElementType, shape: [Int]) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
        }

        /// The number of elements.
        package var count: Int { shape.reduce(1, *) }
        /// The bytes of all elements, or `nil` if they have no fixed size.
        package var byteCount: Int? { elementType.byteSize.map { $0 * count } }
    }

    /// The inputs, in the order of the model's graph.
    package var inputs: [Tensor]
    /// The outputs, in the order of the model's graph.
    package var outputs: [Tensor]

    /// A signature.
    package init(inputs: [Tensor], outputs: [Tensor]) {
        self.inputs = inputs
        self.outputs = outputs
    }

    init(_ model: StagedModel, shapes: TensorShapes) {
        let given = Dictionary(shapes.inputs.map { ($0.name, $0) }) { first, _ in first }
        func tensor(_ found: InputShapes.Input) -> Tensor {
            Tensor(name: found.name, elementType: found.elementType, shape: found.shape)
        }
        inputs = model.inputs.compactMap { given[$0].map(tensor) }
        outputs = model.outputs.compactMap { (shapes.made[$0] ?? given[$0]).map(tensor) }
    }
}
