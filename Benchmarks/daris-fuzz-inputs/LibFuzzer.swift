#if FUZZING
    import Foundation

    /// The target that `DARIS_FUZZ_TARGET` names; the processes that libFuzzer starts inherit it.
    private let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["DARIS_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("DARIS_FUZZ_TARGET must be one of \(FuzzTarget.allCases.map(\.rawValue)), not '\(name)'")
        }
        return target
    }()

    /// Tries one input for libFuzzer, whose `main` this program has then.
    @_cdecl("LLVMFuzzerTestOneInput")
    public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    }
#endif
