import Core
import NIOSSL

@testable import Gateway

/// What the servers of a simulation show, and what the gateway trusts. The key is nobody's.
enum Certificates {
    /// As the gateway connects to its backends, with the simulation's authority alone.
    static let client = Result { () throws -> NIOSSLContext in
        var settings = try TLSContexts(Configuration.Upstream()).clientSettings
        settings.trustRoots = .certificates([try NIOSSLCertificate(bytes: Array(trusted.utf8), format: .pem)])
        return try NIOSSLContext(configuration: settings)
    }

    static let server = context(trusted)
    /// With a certificate that nobody trusts.
    static let other = context(untrusted)

    private static func context(_ certificate: String) -> Result<NIOSSLContext, any Error> {
        Result {
            let certificate = try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem)
            let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
            return try NIOSSLContext(configuration: TLSContexts.serverSettings([certificate], key))
        }
    }

    /// An RSA key: its signatures are all of one length, so that a seed cuts each handshake in the same places.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDCqbCfaHJIjfpa
        VAXO0XHu5Nwttue8NNexfgLokpAu2ruYeLzNQQGxX9cb/tqbj5zGOwlzukWyQui1
        gqedPWOov7ES93XsG1tjnvCrwkjQr5uY4HsOSzSmQTBi/IEDBaJLpUFhSv//fMR9
        ttLq1Bv/dSkwDU3mOx7MWd5umi+gD9KHsINP9THRa8oydYFtHIBqI0xdozL9/UzI
        m5Xdar0SUjeGONplYuQgirwtY5WY1Jp5KJpywP7eeDwdsLZEHXNpgGtNi5Zpt/vm
        M1biFv7SYd1dWgmrkVo8KQc0fgrhvbeRq0uLpmsSkUQs0oQR7asFMhHEkA0vOJhd
        Xlcc/6zFAgMBAAECggEAJgEAg0KeKzWSxq9IOf4wduIV7VPb7qXHZXbTRQoWHZul
        C8monI7gMHukUKojDkNNqXLNr9sSL9D5wzQImr1pN0EDZk9LJacaorqdRH8n/ZwH
        LePHin0awImSE4U1/7vKGWggOUkt7Ph0GRIIIAH8nFVIjwHN71Cj/OPfteqiuSX9
        z1aHnUiRFIim+RmByx7jqh+rYi+rjPVCtGQQhe2TnzNiPvXyTsnoWZ1Ic67tFbtx
        hmvNBgJYDXtxUXedZ42T2WXT7YTx/w55P6uk0mSI3W0ANBmds4Nw6ly/P6zX4pyY
        F7DLqppEu5+wEqs5dRbh0wywm+I3w+IPwun4MGPK+QKBgQD8tSmQgjJgmK8Vqdq1
        bMUWjVfq1MmCK5tCKMiwPEFK199jzcmK3n0N909hKDDcf2UjoYdR+iGjsmQVXkoR
        TQ62+JKBLfKFqToMg9/h1J6SS5qxouKEVHj6LKfUVM/UxFHa5Fc6NGi/KVLI2jw9
        jV+wC8v3/6UayNwS+ixpoGTGOQKBgQDFMu9VDDumSXlutwYsTaO20FPhwAMMRZGp
        q+iMLtkXnZgWoEGL6DGChC0u8/GJM5h3RSsdoJ3Vk2vTiQuFA3unGQ4FbXzGBW+R
        bsNkr2eaFLlSkoJUSuHiYgkIP3FlLh0Uo6qqhpEN1BO0iz/Sjc/GKfalkziJJQh3
        +4NMiyV67QKBgQCsEHIXmf7RNMTp/DgVldTwURcOpwn5ntVdC8Xx8WUHn8rT+teC
        vZDqhHzBC4uRZxCnXSF1WNm0yw9IWWYXN5+QR9oBKRbbmWkUAmrbKlk6BU50KxMO
        xTGGLgesFH9aQL33S8h0siCsIGfkqGuiAXOou6+K0b9KaH8oUL0Swoo7SQKBgQCe
        uSamX9hLOeyBztMrKbrSVNCPbkuFvyFFXlcpLjQSrAhUfd0ETXo8QUNU/Yi2FE9u
        AMB5cmRYGfa6Jx6ci3clwibk+4FoqctpVav0CLLs9C1OZxp72mICI0J93wLYm8tQ
        Z4PhCbsLVF4f/cz7HqXULMaX8u2YhbRRTqIaJA2g6QKBgFyN0r0O6njiIlu+WUOf
        Xhshekc4pGMoC0Xulmsv+4Hy09UuAh9dOIdR+p/X0C3n/AE/zDKdSvUKID+i8WI2
        fAP4qIO1Vr+7fNOFsTTCu6O2l0OBxhu77eVbXclUwA/EuRrma09r+b63imul1uL9
        shuuSBDY85Ed4G3DrsgU+y+F
        -----END PRIVATE KEY-----
        """

    /// For 10.0.0.1, from 2020 to 2120.
    private static let trusted = """
        -----BEGIN CERTIFICATE-----
        MIIC3DCCAcSgAwIBAgIBATANBgkqhkiG9w0BAQsFADAOMQwwCgYDVQQDDANzaW0w
        IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA4xDDAKBgNVBAMMA3Np
        bTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMKpsJ9ockiN+lpUBc7R
        ce7k3C2257w017F+AuiSkC7au5h4vM1BAbFf1xv+2puPnMY7CXO6RbJC6LWCp509
        Y6i/sRL3dewbW2Oe8KvCSNCvm5jgew5LNKZBMGL8gQMFokulQWFK//98xH220urU
        G/91KTANTeY7HsxZ3m6aL6AP0oewg0/1MdFryjJ1gW0cgGojTF2jMv39TMibld1q
        vRJSN4Y42mVi5CCKvC1jlZjUmnkomnLA/t54PB2wtkQdc2mAa02Llmm3++YzVuIW
        /tJh3V1aCauRWjwpBzR+CuG9t5GrS4umaxKRRCzShBHtqwUyEcSQDS84mF1eVxz/
        rMUCAwEAAaNDMEEwDwYDVR0RBAgwBocECgAAATAPBgNVHRMBAf8EBTADAQH/MB0G
        A1UdDgQWBBSXHI2AlBZ4xijI+DvNkkJqyFgmiDANBgkqhkiG9w0BAQsFAAOCAQEA
        FbbnhI7F5vrRqCtrxnbl3RH8gywvtetlrBx7NwN41HXg8RXeoQxvH6LEEX5cBwGA
        jIC2QZNl7QtotGKU01SCpbva4Wre3m+aJJA5VrpwdzDe3H4gu/U/diDJzcrOBvUP
        8gOjhohMfATBjkIgJvcYoEcGJQgcr/+QO89wHVYk/SkFnDIi4GsYciTE7KFNPtbC
        Z3+QG1erG1GaO3OiQfHm53mrdU8bS5KC7ziynnRdxzUPb2ut//pGWMzfvMKnNWDq
        XpbdK0ifdFQmYeiWbfRJxJ/ha6UYTEJFgnkr3aCtTOYfu9R68tjKnCtVvT6J8oQ2
        qdfU7Z9hgS8I0g1JZUHVAA==
        -----END CERTIFICATE-----
        """

    private static let untrusted = """
        -----BEGIN CERTIFICATE-----
        MIIC4DCCAcigAwIBAgIBAjANBgkqhkiG9w0BAQsFADAQMQ4wDAYDVQQDDAVvdGhl
        cjAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEDEOMAwGA1UEAwwF
        b3RoZXIwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDCqbCfaHJIjfpa
        VAXO0XHu5Nwttue8NNexfgLokpAu2ruYeLzNQQGxX9cb/tqbj5zGOwlzukWyQui1
        gqedPWOov7ES93XsG1tjnvCrwkjQr5uY4HsOSzSmQTBi/IEDBaJLpUFhSv//fMR9
        ttLq1Bv/dSkwDU3mOx7MWd5umi+gD9KHsINP9THRa8oydYFtHIBqI0xdozL9/UzI
        m5Xdar0SUjeGONplYuQgirwtY5WY1Jp5KJpywP7eeDwdsLZEHXNpgGtNi5Zpt/vm
        M1biFv7SYd1dWgmrkVo8KQc0fgrhvbeRq0uLpmsSkUQs0oQR7asFMhHEkA0vOJhd
        Xlcc/6zFAgMBAAGjQzBBMA8GA1UdEQQIMAaHBAoAAAEwDwYDVR0TAQH/BAUwAwEB
        /zAdBgNVHQ4EFgQUlxyNgJQWeMYoyPg7zZJCashYJogwDQYJKoZIhvcNAQELBQAD
        ggEBAGunN2MR2/SSKu8VMLHSTZyiDrxnyWWA8DeywJaYQjeNmbTKp0PEqobR/iWv
        AtIdyx5k0wTIRv7iSJxQUUcBKNi+hCSm7tL14mfHSkB0ZqTYrxCT8l6KT9Lhg8fl
        Cv/YBhEAGKcZxTxzN3rAulDoZzMDVmg6UrRmB15KszgzZm6nBtB7vCbMA7vpqIuc
        i91ilmK9ZJYQ3L4+ePTSQ0mDac29sNz2tVuqmXf5bExxiuJJ/3MEG2lWFvf+5NL3
        hBMBvEINkNXX6PTnvJazG3jZZnYbxv5Y5W0Osnjt+KG7j9DBahmvvmxP70Lei+D2
        vwi4q+F5WEXS9Pw/nACJyBGG474=
        -----END CERTIFICATE-----
        """
}
