import CCUDADriver

/// A part of a device: work on the streams made in it stays on its SMs, whichever library enqueues it.
///
/// Green contexts may overlap. So a device can be oversubscribed with a known map of SMs.
package final class GreenContext: Sendable {
    /// The primary context of the device, which stays current while work is enqueued on the streams of this one.
    package let context: CUDAContext
    /// The number of SMs, by the driver.
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

/// A set of a device's streaming multiprocessors (SMs) that a green context can be made of.
package struct SMResource: Sendable {
    /// The number of SMs in the set.
    package let multiprocessorCount: Int
    /// The fewest SMs of a part: from the driver since CUDA 13.0, by a rule of the compute capability before.
    package let leastPartition: Int
    /// The number that sizes of parts are multiples of, from the same source.
    package let alignment: Int
    /// Whether ``leastPartition`` and ``alignment`` come from the driver.
    package let isGranularityReported: Bool

    let context: CUDAContext
    let raw: DarisCudaResource

    /// All SMs of the device of `context`.
    ///
    /// - Throws: ``CUDAError`` of kind ``CUDAError/Kind/featureMissing`` on a driver without green contexts.
    package init(of context: CUDAContext) throws(CUDAError) {
        let library = context.library
        try library.require(.greenContexts)
        try context.makeCurrent()
        var raw = DarisCudaResource()
        try library.check(
            library.functions.device_resource(context.deviceHandle, &raw, Int32(DARIS_CUDA_RESOURCE_SM)),
            "cuDeviceGetDevResource", "reading which SMs a GPU has")
        self.init(raw, context: context)
    }

    init(_ raw: DarisCudaResource, context: CUDAContext) {
        self.raw = raw
        self.context = context
        multiprocessorCount = Int(raw.sm_count)
        let reported = (Int(raw.least_partition), Int(raw.alignment))
        isGranularityReported =
            context.library.version >= CUDAVersion(major: 13, minor: 0)
            && (1...max(1, Int(raw.sm_count))).contains(reported.0)
            && reported.1 >= 1
        (leastPartition, alignment) =
            isGranularityReported ? reported : Self.rule(computeCapability: context.device.computeCapability)
    }

    /// The least size of a part and the number that sizes are multiples of, by CUDA's programming guide.
    static func rule(computeCapability: CUDAVersion) -> (least: Int, alignment: Int) {
        switch computeCapability.major {
        case ...6: (1, 1)
        case 7: (2, 2)
        case 8: (4, 2)
        default: (8, 8)
        }
    }

    /// Splits the SMs into the largest number of disjoint groups of one size.
    ///
    /// Only groups of one split can be combined in a ``GreenContext``. They may be larger than requested: see each
    /// group's ``multiprocessorCount``.
    ///
    /// - Parameters:
    ///   - least: The fewest SMs of a group.
    ///   - ignoringCoscheduling: Whether a group may contain SMs that cannot share a cluster of thread blocks. This
    ///     allows smaller groups but no large clusters (compute capability 9.0 and later).
    /// - Returns: The groups, empty if the set is too small for one, and the SMs left over, if any.
    package func split(
        intoGroupsOf least: Int, ignoringCoscheduling: Bool = false
    ) throws(CUDAError) -> (groups: [SMResource], rest: SMResource?) {
        precondition(least >= 1, "a group has at least one SM")
        guard least <= multiprocessorCount else { return ([], self) }
        let library = context.library
        let flags = ignoringCoscheduling ? UInt32(DARIS_CUDA_SPLIT_IGNORE_COSCHEDULING) : 0
        let purpose: StaticString = "parting the SMs of a GPU"
        try context.makeCurrent()
        var count: UInt32 = 0
        var whole = raw
        try library.check(
            library.functions.split_resource(nil, &count, &whole, nil, flags, UInt32(least)),
            "cuDevSmResourceSplitByCount", purpose)
        guard count > 0 else { return ([], self) }
        var groups = [DarisCudaResource](repeating: DarisCudaResource(), count: Int(count))
        var rest = DarisCudaResource()
        try library.check(
            library.functions.split_resource(&groups, &count, &whole, &rest, flags, UInt32(least)),
            "cuDevSmResourceSplitByCount", purpose)
        return (
            groups.prefix(Int(count)).map { SMResource($0, context: context) },
            rest.type == DARIS_CUDA_RESOURCE_SM && rest.sm_count > 0 ? SMResource(rest, context: context) : nil
        )
    }
}
