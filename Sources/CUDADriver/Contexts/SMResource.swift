import CCUDADriver

/// A set of a device's streaming multiprocessors (SMs) that a green context can be made of.
package struct SMResource: Sendable {
    /// The number of SMs in the set.
    package let multiprocessorCount: Int
    /// The least SMs that a part may have: as the driver tells from CUDA 13.0, by rule of the compute capability before.
    package let leastPartition: Int
    /// The number that SMs are parted in multiples of; told or ruled likewise.
    package let alignment: Int
    /// Whether ``leastPartition`` and ``alignment`` are what the driver told.
    package let isGranularityTold: Bool

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
        let told = (Int(raw.least_partition), Int(raw.alignment))
        isGranularityTold =
            context.library.version >= CUDAVersion(major: 13, minor: 0)
            && (1...max(1, Int(raw.sm_count))).contains(told.0)
            && told.1 >= 1
        (leastPartition, alignment) =
            isGranularityTold ? told : Self.rule(computeCapability: context.device.computeCapability)
    }

    /// The least size of a part and the number that sizes are multiples of, by CUDA's guide.
    static func rule(computeCapability: CUDAVersion) -> (least: Int, alignment: Int) {
        switch computeCapability.major {
        case ...6: (1, 1)
        case 7: (2, 2)
        case 8: (4, 2)
        default: (8, 8)
        }
    }

    /// Parts the SMs into as many disjoint groups of one size as there can be.
    ///
    /// The groups of one split, and only they, can be put together in a ``GreenContext``. Their true size may be larger
    /// than asked for: see each group's ``multiprocessorCount``.
    ///
    /// - Parameters:
    ///   - least: The least SMs of a group.
    ///   - ignoringCoscheduling: Whether SMs need not be neighbours that can share a cluster of thread blocks. It allows
    ///     smaller groups, and costs large clusters (compute capability 9.0 and later).
    /// - Returns: The groups, none if the set is too small for one, and the SMs left over, if any.
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
