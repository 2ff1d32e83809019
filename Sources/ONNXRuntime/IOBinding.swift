import CONNXRuntime
import Synchronization

/// The tensors that a session reads and writes, bound once and run many times.
///
/// The binding keeps its tensors and its session alive. Any thread may call it; a call waits while another one, such as
/// a run, is in progress. For concurrent runs give each its own binding.
///
/// A run overwrites bound outputs as a whole. Strings are emptied first, since operators append to them.
package final class IOBinding: Sendable {
    /// The session this binding was made for.
    package let session: Session

    private let handle: Handle
    private let bound = Mutex(Bound())

    /// The current bindings.
    private struct Bound: Sendable {
        var inputs: [String: Tensor] = [:]
        /// The outputs, in ONNX Runtime's order.
        var outputs: [(name: String, target: OutputTarget)] = []
        /// The outputs to empty before a run: tensors of strings that are not also inputs.
        var strings: [Tensor] = []

        /// Updates the list of tensors to empty.
        mutating func findStrings() {
            strings = outputs.compactMap { output in
                guard case .tensor(let tensor) = output.target, tensor.elementType == .string,
                    !inputs.values.contains(where: { $0 === tensor })
                else { return nil }
                return tensor
            }
        }

        mutating func setOutput(_ name: String, _ target: OutputTarget) {
            if let index = outputs.firstIndex(where: { $0.name == name }) {
                outputs[index].target = target
            } else {
                outputs.append((name, target))
            }
            findStrings()
        }
    }

    private enum OutputTarget: Sendable {
        case tensor(Tensor)
        case memory(MemoryInfo)
    }

    /// An empty binding.
    package init(session: Session) throws(ONNXRuntimeError) {
        self.session = session
        let api = session.handle.api
        handle = try api.make(
            "CreateIoBinding", for: session.subject, release: daris_ort_release_binding, keeping: [session]
        ) { daris_ort_create_binding(api.table, session.handle.pointer, &$0) }
    }

    /// Binds a tensor that the session reads, in place of the one bound to that input before.
    package func bind(_ tensor: Tensor, toInput name: String) throws(ONNXRuntimeError) {
        try bound.withLock { bound throws(ONNXRuntimeError) in
            try check(
                daris_ort_bind_input(handle.api.table, handle.pointer, name, tensor.handle.pointer), "BindInput", name)
            bound.inputs[name] = tensor
            bound.findStrings()
        }
    }

    /// Binds a tensor that the session writes, in place of what was bound to that output before.
    package func bind(_ tensor: Tensor, toOutput name: String) throws(ONNXRuntimeError) {
        try bound.withLock { bound throws(ONNXRuntimeError) in
            try check(
                daris_ort_bind_output(handle.api.table, handle.pointer, name, tensor.handle.pointer), "BindOutput", name
            )
            bound.setOutput(name, .tensor(tensor))
        }
    }

    /// Makes each run allocate an output in `memory`: for outputs whose shape is known only after the run.
    package func bindOutput(_ name: String, to memory: MemoryInfo) throws(ONNXRuntimeError) {
        try bound.withLock { bound throws(ONNXRuntimeError) in
            try check(
                daris_ort_bind_output_to_device(handle.api.table, handle.pointer, name, memory.handle.pointer),
                "BindOutputToDevice", name)
            bound.setOutput(name, .memory(memory))
        }
    }

    /// The outputs of the last run, by name: the tensors bound, and those that the run allocated.
    ///
    /// Before the first run, outputs that a run allocates are missing.
    package func outputs() throws(ONNXRuntimeError) -> [String: Tensor] {
        try bound.withLock { bound throws(ONNXRuntimeError) in
            let api = handle.api
            let library = session.environment.library
            var array: UnsafeMutablePointer<OpaquePointer?>?
            var count = 0
            try api.check(
                daris_ort_get_bound_output_values(api.table, handle.pointer, library.allocator, &array, &count),
                "GetBoundOutputValues", session.subject)
            guard let array else { return [:] }
            defer {
                // This cannot fail for memory of the same allocator.
                if let status = daris_ort_allocator_free(api.table, library.allocator, array) {
                    daris_ort_release_status(api.table, status)
                }
            }
            let targets = bound.outputs
            let values = Array(UnsafeBufferPointer(start: array, count: count))
            let tensors = try Tensor.take(values, names: targets.map(\.name), from: session) { index in
                switch targets[index].target {
                case .tensor(let tensor): tensor.memory
                case .memory(let memory): memory
                }
            }
            var result: [String: Tensor] = [:]
            for (output, tensor) in zip(targets, tensors) {
                // The bound tensor owns the memory; the value read back only points to it.
                if case .tensor(let own) = output.target {
                    result[output.name] = own
                } else {
                    result[output.name] = tensor
                }
            }
            return result
        }
    }

    /// Runs the session; nothing is allocated here unless it fails.
    func run(options: RunOptions?) throws(ONNXRuntimeError) {
        try bound.withLock { bound throws(ONNXRuntimeError) in
            for tensor in bound.strings { try tensor.emptyStrings() }
            let status = daris_ort_run_with_binding(
                handle.api.table, session.handle.pointer, options?.handle.pointer, handle.pointer)
            if let status { throw handle.api.failure(status, "RunWithBinding", session.subject) }
        }
    }

    private func check(_ status: OpaquePointer?, _ call: StaticString, _ name: String) throws(ONNXRuntimeError) {
        try handle.api.check(status, call, "'\(name)' of \(session.subject)")
    }
}
