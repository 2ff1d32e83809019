import CCUDADriver

/// Why the CUDA driver could not be opened or a call of it failed.
package struct CUDAError: Error, Hashable, Sendable {
    /// A kind of failure.
    package enum Kind: Hashable, Sendable {
        /// The driver's library does not exist or cannot be used.
        case driverUnusable
        /// The driver is too old for a feature.
        case featureMissing
        /// A call of the driver failed, with ``CUDAError/number``.
        case callFailed
    }

    /// The kind of failure.
    package var kind: Kind
    /// The call that failed, by the driver's name for it; the library's path if it could not be opened.
    package var call: String
    /// CUDA's number for the failure; 0 if no call of the driver failed.
    package var number: Int
    /// CUDA's name for the failure, such as `CUDA_ERROR_OUT_OF_MEMORY`; empty if there is none.
    package var name: String
    /// The text of CUDA, or of the system, for it; without a full stop.
    package var text: String
    /// The action that failed, such as "allocating 1024 bytes on the GPU".
    package var purpose: String
    /// What may help, if known.
    package var advice: String?

    /// An error with these parts.
    package init(
        kind: Kind, call: String, number: Int, name: String, text: String, purpose: String, advice: String? = nil
    ) {
        self.kind = kind
        self.call = call
        self.number = number
        self.name = name
        self.text = text
        self.purpose = purpose
        self.advice = advice
    }

    /// Whether the context is lost: every later call fails the same way, on any thread, until the process is restarted.
    ///
    /// Failures that CUDA attributes to itself or to the caller (such as `CUDA_ERROR_UNKNOWN`, or a launch that asks
    /// for too much) do not lose the context: the next call may succeed.
    package var losesContext: Bool {
        guard kind == .callFailed else { return false }
        return switch number {
        case DARIS_CUDA_ECC_UNCORRECTABLE, DARIS_CUDA_NVLINK_UNCORRECTABLE, DARIS_CUDA_CONTAINED,
            DARIS_CUDA_ILLEGAL_ADDRESS, DARIS_CUDA_LAUNCH_TIMEOUT, DARIS_CUDA_CONTEXT_IS_DESTROYED, DARIS_CUDA_ASSERT,
            DARIS_CUDA_HARDWARE_STACK_ERROR...DARIS_CUDA_LAUNCH_FAILED, DARIS_CUDA_TENSOR_MEMORY_LEAK,
            DARIS_CUDA_MPS_RPC_FAILURE, DARIS_CUDA_MPS_CLIENT_TERMINATED:
            true
        default: false
        }
    }

}

extension CUDAError: CustomStringConvertible {
    /// A sentence that says what went wrong and, if known, what may help.
    package var description: String {
        let what =
            switch kind {
            case .driverUnusable: "the CUDA driver's library cannot be used: \(text)"
            case .featureMissing: "\(purpose) failed: \(text)"
            case .callFailed:
                "\(purpose) failed: \(call) gave error \(number)"
                    + (name.isEmpty && text.isEmpty
                        ? "" : " (\([name, text].filter { !$0.isEmpty }.joined(separator: ", ")))")
            }
        return advice.map { "\(what); \($0)" } ?? what
    }
}

extension CUDAError {
    /// What may help against a failure of this number.
    static func advice(for number: Int) -> String? {
        switch number {
        case DARIS_CUDA_OUT_OF_MEMORY:
            "use fewer lanes, smaller batches or smaller models, or free memory that other processes hold"
        case DARIS_CUDA_STUB_LIBRARY:
            "this is the stub that CUDA's toolkit links with; put the driver's own libcuda.so.1 first in the library path"
        case DARIS_CUDA_DEVICE_UNAVAILABLE:
            "another process uses the GPU exclusively; end it, or set the compute mode with 'nvidia-smi -c DEFAULT'"
        case DARIS_CUDA_NO_DEVICE:
            "check 'nvidia-smi -L', CUDA_VISIBLE_DEVICES and, in a container, that the GPU is passed through"
        case DARIS_CUDA_INVALID_DEVICE:
            "there is no GPU of that number; check 'nvidia-smi -L' and CUDA_VISIBLE_DEVICES"
        case DARIS_CUDA_ECC_UNCORRECTABLE, DARIS_CUDA_NVLINK_UNCORRECTABLE, DARIS_CUDA_CONTAINED,
            DARIS_CUDA_ILLEGAL_ADDRESS, DARIS_CUDA_LAUNCH_TIMEOUT, DARIS_CUDA_CONTEXT_IS_DESTROYED, DARIS_CUDA_ASSERT,
            DARIS_CUDA_HARDWARE_STACK_ERROR...DARIS_CUDA_LAUNCH_FAILED, DARIS_CUDA_TENSOR_MEMORY_LEAK:
            "the GPU's context is lost; the process must be started anew"
        case DARIS_CUDA_NO_BINARY_FOR_GPU, DARIS_CUDA_UNSUPPORTED_PTX_VERSION:
            "the driver and the GPU do not fit this program; update the driver"
        case DARIS_CUDA_JIT_COMPILER_NOT_FOUND:
            "libnvidia-ptxjitcompiler.so.1, a part of the driver, is missing; install the whole driver"
        case DARIS_CUDA_OPERATING_SYSTEM:
            "the system refused the driver; check the rights to /dev/nvidia*"
        case DARIS_CUDA_NOT_PERMITTED:
            "the process has no right to it, or it was called in a place where CUDA forbids it"
        case DARIS_CUDA_NOT_SUPPORTED:
            "this GPU or driver does not support it"
        case DARIS_CUDA_SYSTEM_NOT_READY:
            "start nvidia-fabricmanager or nvidia-persistenced, which systems with NVSwitch need, and wait for it"
        case DARIS_CUDA_SYSTEM_DRIVER_MISMATCH:
            "the kernel's module and libcuda.so.1 are of different versions; reboot, or load the matching module"
        case DARIS_CUDA_COMPATIBILITY_NOT_SUPPORTED:
            "this GPU does not support CUDA's forward compatibility package; remove it from the library path"
        default: captureAndMPSAdvice(for: number)
        }
    }

    private static func captureAndMPSAdvice(for number: Int) -> String? {
        switch number {
        case DARIS_CUDA_MPS_CONNECTION_FAILED, DARIS_CUDA_MPS_RPC_FAILURE:
            "check that nvidia-cuda-mps-control runs for this user and that CUDA_MPS_PIPE_DIRECTORY is its folder"
        case DARIS_CUDA_MPS_SERVER_NOT_READY:
            "the MPS server takes no process while it starts, nor after a fault until all that it had have ended; try "
                + "again when they have"
        case DARIS_CUDA_MPS_MAX_CLIENTS, DARIS_CUDA_MPS_MAX_CONNECTIONS:
            "the MPS server is full; use fewer contexts or end other clients"
        case DARIS_CUDA_MPS_CLIENT_TERMINATED:
            "the MPS server ended this client, because of a fault in it or in another one; start it anew"
        case DARIS_CUDA_CAPTURE_UNSUPPORTED, DARIS_CUDA_CAPTURE_INVALIDATED:
            "something was called inside the capture that cannot be captured, such as a synchronisation or an allocation"
        case DARIS_CUDA_CAPTURE_UNJOINED:
            "work forked to another stream inside the capture did not come back to the captured stream"
        case DARIS_CUDA_CAPTURE_ISOLATION:
            "the captured work depends on work outside the capture"
        case DARIS_CUDA_CAPTURE_WRONG_THREAD:
            "a capture must end on the thread that began it"
        case DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION:
            "the SMs cannot be parted like this; use larger or fewer parts, all from one split"
        default: nil
        }
    }
}
