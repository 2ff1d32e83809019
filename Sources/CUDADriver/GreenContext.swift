import CCUDADriver

/// A part of a device: work on the streams made in it stays on its SMs, whatever library puts it there.
///
/// Green contexts may overlap: that is how a device is oversubscribed with a known map of SMs.
package final class GreenContext: Sendable {
    /// The primary context of the device, which stays current while work is put on the streams of this one.
    package let context: CUDAContext
    /// The number of SMs, as the driver says it is.
    package let multiprocessorCount: Int

    private let handle: CUDAHandle

    /// The driver's handle (`CUgreenCtx`).
    var pointer: OpaquePointer { handle.pointer }

    /// A context on the SMs of `groups`.
    ///
    /// - Parameter groups: Groups of one split, at least one, each once.
    /// - Throws: ``CUDAError``; of kind ``CUDAError/Kind/featureMissing`` on a driver without green contexts.
    package init(context: CUDAContext, groups: [SMResource]) throws(CUDAError) {
        precondition(!groups.isEmpty, "a green context needs SMs")
        let library = context.library
        let functions = library.functions
        try library.require(.greenContexts)
        try context.makeCurrent()
        var raw = groups.map(\.raw)
        var description: OpaquePointer?
        try library.check(
            functions.describe_resources(&description, &raw, UInt32(raw.count)), "cuDevResourceGenerateDesc",
            "describing the SMs of a green context")
        var pointer: OpaquePointer?
        try library.check(
            functions.create_green_context(
                &pointer, description, context.deviceHandle, UInt32(DARIS_CUDA_GREEN_DEFAULT_STREAM)),
            "cuGreenCtxCreate", "making a green context")
        guard let pointer else {
            throw library.failure(
                DarisCudaResult(DARIS_CUDA_INVALID_CONTEXT), "cuGreenCtxCreate", "making a green context")
        }
        let handle = CUDAHandle(pointer, in: context, release: functions.destroy_green_context)
        var resource = DarisCudaResource()
        try library.check(
            functions.green_context_resource(handle.pointer, &resource, Int32(DARIS_CUDA_RESOURCE_SM)),
            "cuGreenCtxGetDevResource", "reading which SMs a green context has")
        self.context = context
        self.handle = handle
        multiprocessorCount = Int(resource.sm_count)
    }
}
