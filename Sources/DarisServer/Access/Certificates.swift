import DarisConfiguration
import GRPCNIOTransportHTTP2
import Logging
import NIOCertificateReloading
import NIOSSL
import Synchronization

/// The certificate that a server shows, read again when its files change, and those that its clients must show.
///
/// Both protocols take TLS 1.2 and newer. Files that are of no use when they are read again leave what was known in force, and
/// the log has a warning, once for each reason.
struct Certificates: Sendable {
    /// Reads the files again in time; to be run beside the server.
    let reloader: TimedCertificateReloader
    /// The authorities one of which has signed each client's certificate; `nil` if clients show none.
    private let authorities: [NIOSSLCertificate]?

    /// - Throws: `ServerError` if the files cannot be used.
    init(_ tls: ServeSettings.TLS, logger: Logger) throws(ServerError) {
        let told = Told()
        var configuration = TimedCertificateReloader.Configuration(
            refreshInterval: .seconds(10),
            certificateSource: .init(location: .file(path: tls.certificate), format: .pem),
            privateKeySource: .init(location: .file(path: tls.key), format: .pem))
        configuration.onCertificateLoadFailed = { failure in
            let reason = "\(failure.error)"
            guard told.isNew(reason) else { return }
            logger.warning(
                "the certificate could not be read again; the one from before stays in force",
                metadata: ["error": "\(reason)", "certificate": "\(tls.certificate)", "key": "\(tls.key)"])
        }
        configuration.onCertificateLoaded = { change in
            let isNew = change.previousX509CertificateChain.map { $0 != change.currentX509CertificateChain } ?? false
            if told.forget() || isNew {
                logger.notice("the certificate was read again", metadata: ["certificate": "\(tls.certificate)"])
            }
        }
        // What is wrong at the start is said by the command.
        told.isMuted.store(true, ordering: .relaxed)
        do {
            reloader = try TimedCertificateReloader.makeReloaderValidatingSources(configuration: configuration)
        } catch {
            throw ServerError("the certificate or its key is of no use: \(error)")
        }
        told.isMuted.store(false, ordering: .relaxed)
        do {
            authorities = try tls.clientAuthority.map { path in try NIOSSLCertificate.fromPEMFile(path) }
        } catch {
            throw ServerError("the certificates of the clients' authorities ('client_ca') are of no use: \(error)")
        }
        guard authorities.map({ !$0.isEmpty }) ?? true else {
            throw ServerError("'\(tls.clientAuthority ?? "")' holds no certificate, so no client could connect")
        }
    }

    /// For HTTP.
    func configuration() throws -> TLSConfiguration {
        var configuration =
            if let authorities {
                try TLSConfiguration.makeServerConfigurationWithMTLS(
                    certificateReloader: reloader, trustRoots: .certificates(authorities))
            } else { try TLSConfiguration.makeServerConfiguration(certificateReloader: reloader) }
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }

    /// For gRPC, whose transport takes TLS 1.2 and newer by itself.
    func security() throws -> HTTP2ServerTransport.Posix.TransportSecurity {
        guard let authorities else { return try .tls(certificateReloader: reloader) }
        let sources = try authorities.map { TLSConfig.CertificateSource.bytes(try $0.toDERBytes(), format: .der) }
        return try .mTLS(certificateReloader: reloader) { $0.trustRoots = .certificates(sources) }
    }

    /// What the log has been told of the files.
    private final class Told: Sendable {
        let isMuted = Atomic(false)
        private let reason = Mutex<String?>(nil)

        func isNew(_ text: String) -> Bool {
            guard !isMuted.load(ordering: .relaxed) else { return false }
            return reason.withLock { reason in
                defer { reason = text }
                return reason != text
            }
        }

        /// - Returns: whether there was something wrong before.
        func forget() -> Bool {
            reason.withLock { reason in
                defer { reason = nil }
                return reason != nil
            }
        }
    }
}
